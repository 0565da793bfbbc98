"""Groups of routes, mounted as they are."""

from typing import Any, Self

from litestar import Router


class PlainRouter(Router):
    """A router that is mounted in one place.

    The framework mounts a deep copy of a router, for those who mount the same one twice. Ours are
    made for one application each; with routers in routers, copying is a third of a mount's time.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
