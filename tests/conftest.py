"""Fixtures every test file may use."""

import gc
import resource

import pytest

_DESCRIPTORS = 8192
_ALLOCATIONS = 20_000
_LONGEST = (
    "services/test_chaos",
    "e2e/test_state",
    "ui/every_page/test_english",
    "ui/every_page/test_chinese",
    "e2e/test_backpressure",
    "simulation/test_simulation",
    "e2e/test_foreign_plugin",
    "services/test_token_store_model",
    "e2e/test_crash_loop",
    "e2e/test_media",
    "e2e/test_capacity",
)
"""Files that take half a minute or more: begun last, one of them would keep a run waiting."""


def pytest_configure() -> None:
    """Let a whole run keep its connections: sandboxes and clients share one process with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; whole files are handed out in the order that is found here."""
    places = {f"tests/{name}.py": place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


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
