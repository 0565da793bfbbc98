"""Fixtures every test file may use."""

import resource

import pytest

_DESCRIPTORS = 8192


def pytest_configure() -> None:
    """Let a whole run keep its connections: sandboxes and clients share one process with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
