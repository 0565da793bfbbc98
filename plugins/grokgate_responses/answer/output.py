"""The output items of one turn, written one after the other (`openai-contract.md` 4.5, 4.8).

Items never interleave:

1. *Reasoning* is written as it comes, until the answer begins.
2. Then comes the one *search* item, so searches are gathered until there.
3. The *message* is written as it comes and ended by the end of the turn.
4. *Pictures* are written before it, or wait for its end; *calls* wait for the end of the turn.

Reasoning inside the text (``grok.thinking_format``) waits for the beginning of the answer where
another item has to come before the message.
"""

from typing import TypeAlias

from grokgate.openai import Answer, Piece
from grokgate.upstream import Event, TextDelta, ToolCall
from grokgate_responses.answer.encode import Encoder
from grokgate_responses.answer.objects import ItemStatus, OutputItem
from grokgate_responses.answer.pictures import OpenPicture, Picture, picture_options
from grokgate_responses.answer.searches import Searches
from grokgate_responses.answer.writing import (
    OpenMessage,
    OpenReasoning,
    Seal,
    write_call,
    write_search,
)
from grokgate_responses.request.translate import Asked

_Pending: TypeAlias = Piece | Picture


class Output:
    """Puts what an exchange gives into items.

    Args:
        asked: The request.
        out: Where the events are written.
        seal: Seals reasoning for the client; used where ``include`` asks for it.
    """

    def __init__(self, asked: Asked, out: Encoder, seal: Seal | None) -> None:
        include = asked.request.include or ()
        self.answer = Answer(asked.view)
        self.items: list[OutputItem] = []
        """Those that are complete."""
        self._out = out
        self._tools = asked.tools
        self._seal = seal if "reasoning.encrypted_content" in include else None
        self._pictures = picture_options(asked.tools.images or {})
        self._searches = Searches(list_pages="web_search_call.action.sources" in include)
        self._tells_searches = asked.tools.search
        self._waits = asked.view.thinking_format == "both" or asked.tools.search
        self._answering = False
        self._reasoning: OpenReasoning | None = None
        self._message: OpenMessage | None = None
        self._picture: OpenPicture | None = None
        self._held: list[str] = []
        """Text that waits for the beginning of the answer."""
        self._pending: list[tuple[_Pending, bool]] = []
        """What came while a picture was open, and whether it belongs to the answer."""
        self._late: list[Picture] = []
        """What waits for the end of the message."""
        self._calls: list[ToolCall] = []

    @property
    def shown(self) -> bool:
        """Something of the answer was seen."""
        is_open = self._reasoning or self._message or self._picture
        return bool(self.items or is_open or self._held or self._calls)

    def feed(self, event: Event | Picture) -> None:
        """Take what comes next."""
        if isinstance(event, Picture):
            self._take(event)
            return
        if not self._answering:
            self._searches.note(event)
            self._answering = isinstance(event, TextDelta | ToolCall)
        for piece in self.answer.feed(event):
            self._take(piece)

    def finish(self, status: ItemStatus) -> None:
        """End an answer; *status* is that of its open item."""
        self._answering = True
        for piece in self.answer.end():
            self._take(piece)
        self.end(status)

    def end(self, status: ItemStatus) -> None:
        """End what is open; nothing follows an item that is incomplete."""
        self._give_up_pictures()
        self._end_reasoning(status)
        if self._message is not None:
            self.items.append(self._message.end(status, self.answer.citations))
            self._message = None
        if status == "completed":
            self._write_search()
            for picture in self._late:
                self._take(picture)
            self._give_up_pictures()
            self._write_calls()

    def _take(self, piece: _Pending) -> None:
        self._place(piece, answering=self._answering)

    def _place(self, piece: _Pending, *, answering: bool) -> None:
        """Write *piece* where it belongs, or keep it for later.

        Args:
            piece: What came.
            answering: Whether the answer had begun when it came.
        """
        if self._picture is not None and not self._is_of_open_picture(piece):
            self._pending.append((piece, answering))
            return
        match piece:
            case Picture():
                self._show(piece)
            case ToolCall():
                self._calls.append(piece)
            case ("reasoning", text):
                self._think(text)
            case (_, text):
                self._say(text, answering=answering)

    def _is_of_open_picture(self, piece: _Pending) -> bool:
        slot = self._picture.slot if self._picture is not None else None
        return isinstance(piece, Picture) and piece.slot == slot

    def _think(self, text: str) -> None:
        if self._reasoning is None:
            self._reasoning = OpenReasoning(self._out, len(self.items))
        self._reasoning.write(text)

    def _say(self, text: str, *, answering: bool) -> None:
        if self._message is not None:
            self._message.write(text)
        elif self._waits and not answering:
            self._held.append(text)
        else:
            self._end_reasoning("completed")
            self._write_search()
            self._message = OpenMessage(self._out, len(self.items))
            self._message.write("".join((*self._held, text)))
            self._held.clear()

    def _show(self, picture: Picture) -> None:
        if self._message is not None:
            self._late.append(picture)
            return
        if self._picture is None:
            self._end_reasoning("completed")
            place = len(self.items)
            self._picture = OpenPicture(self._out, place, picture.slot, self._pictures)
        if picture.preview:
            self._picture.preview(picture)
        else:
            self._end_picture(self._picture, picture)

    def _end_picture(self, open_picture: OpenPicture, picture: Picture | None) -> None:
        """End the open picture, then go on with what came meanwhile."""
        self._picture = None
        self.items.append(open_picture.end(picture))
        pending, self._pending = self._pending, []
        for piece, answering in pending:
            self._place(piece, answering=answering)

    def _give_up_pictures(self) -> None:
        while self._picture is not None:
            self._end_picture(self._picture, None)

    def _end_reasoning(self, status: ItemStatus) -> None:
        if self._reasoning is not None:
            self.items.append(self._reasoning.end(status, self._seal))
            self._reasoning = None

    def _write_search(self) -> None:
        action = self._searches.action if self._tells_searches else None
        if action is not None:
            self.items.append(write_search(self._out, len(self.items), action))
            self._tells_searches = False

    def _write_calls(self) -> None:
        for call in self._calls:
            place = len(self.items)
            self.items.append(write_call(self._out, place, call, self._tools))
