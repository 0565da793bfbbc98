"""The searches of a turn, gathered into one item (`openai-contract.md` 4.3)."""

from msgspec import UNSET

from grokgate.upstream import Activity, Event, Source
from grokgate_responses.answer.encode import clean
from grokgate_responses.answer.objects import SearchAction, SearchedPage

_TOOLS = frozenset({"web_search", "x_search", "x_keyword_search", "x_semantic_search"})
"""Names of the upstream's tools that search (`upstream-protocol.md` 2.5)."""


class Searches:
    """Notes what is searched for and found; *list_pages*: tell what was found too."""

    def __init__(self, *, list_pages: bool) -> None:
        self._list_pages = list_pages
        self._queries: list[str] = []
        self._pages: dict[str, SearchedPage] = {}
        self._any = False

    def note(self, event: Event) -> None:
        """Take an event of the answer; most are of no interest."""
        match event:
            case Activity() if event.tool in _TOOLS:
                self._any = True
                if event.text and event.text not in self._queries:
                    self._queries.append(event.text)
            case Source():
                self._any = True
                self._pages.setdefault(event.url, SearchedPage(url=clean(event.url)))
            case _:
                pass

    @property
    def action(self) -> SearchAction | None:
        """What was searched until now; None: nothing."""
        if not self._any:
            return None
        queries = tuple(map(clean, self._queries))
        return SearchAction(
            query=queries[0] if queries else "",
            queries=queries,
            sources=tuple(self._pages.values()) if self._list_pages else UNSET,
        )
