"""One gateway on a sandbox, shared by the SDK tests."""

from collections.abc import Iterator

import pytest

from service import Service, service


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("gateway"), "--sandbox", "--accounts", "6") as running:
        yield running
