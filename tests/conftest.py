"""Fixtures every test file may use."""

import gc
import resource

import pytest

_DESCRIPTORS = 8192
_ALLOCATIONS = 20_000


def pytest_configure() -> None:
    """Let a whole run keep its connections: sandboxes and clients share one process with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking at modules and tests again and again.

    They live as long as the run. What a test makes is looked at less often than by default, too:
    the objects of one gateway alone are enough for hundreds of collections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop a gateway runs in; a fixture of any scope may be asynchronous."""
    return "asyncio"
