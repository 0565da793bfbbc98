"""Requests of a page that are held, so that what comes late comes as late as a test wants it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import APIResponse, Page, Request, Route

from ui.ui_world import BASE


class Held:
    """One request that waits to be let go.

    Attributes:
        count: How many such requests the page has sent.

    Args:
        page: Whose request.
        method: Of the request.
        path: Of the request, below the admin API.
    """

    def __init__(self, page: Page, method: str, path: str) -> None:
        self.count = 0
        self._page = page
        self._method = method
        self._address = re.compile(re.escape(BASE + path) + r"(\?|$)")
        self._route: Route | None = None
        self._answer: APIResponse | None = None
        page.route(self._address, self._take)

    def is_meant(self, request: Request) -> bool:
        """Tell whether a request is one of those of which the first is held."""
        return request.method == self._method and bool(self._address.search(request.url))

    def ask(self) -> None:
        """Have the gateway answer already; the page learns that when the request is let go."""
        assert self._route, "nothing was held"
        self._answer = self._route.fetch()

    def let_go(self) -> None:
        """Let the request be answered; nothing happens if the page has given it up."""
        assert self._route, "nothing was held"
        if self._answer:
            self._route.fulfill(response=self._answer)
        else:
            self._route.continue_()
        self._page.unroute(self._address, self._take)

    def _take(self, route: Route) -> None:
        is_meant = self.is_meant(route.request)
        self.count += is_meant
        if is_meant and not self._route:
            self._route = route
        else:
            route.fallback()


@contextmanager
def holding(page: Page, method: str, path: str, *, answered: bool = False) -> Iterator[Held]:
    """Hold the first such request that is sent inside.

    Args:
        page: Whose request.
        method: Of the request.
        path: Of the request, below the admin API.
        answered: Hold the gateway's answer to it instead.
    """
    held = Held(page, method, path)
    with page.expect_request(held.is_meant):
        yield held
    page.evaluate("0")  # by its answer, the request has come here too
    if answered:
        held.ask()
