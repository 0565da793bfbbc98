"""Writes single output items: the events that each one consists of, and the item it becomes.

Each begins with ``output_item.added`` and ends with ``output_item.done``; what stands between is
fixed by its type (`openai-contract.md` 4.8). One is ended before the next begins.
"""

from collections.abc import Callable, Iterable

from msgspec import UNSET, structs

from grokgate.openai import Cited
from grokgate.upstream import ToolCall
from grokgate_responses.answer.encode import DeltaWriter, Encoder, clean
from grokgate_responses.answer.events import (
    AnnotationAdded,
    ArgumentsDelta,
    ArgumentsDone,
    ContentPartAdded,
    ContentPartDone,
    InputDelta,
    InputDone,
    ItemAdded,
    ItemDone,
    OutputTextDelta,
    OutputTextDone,
    SearchCompleted,
    SearchInProgress,
    SearchSearching,
    SummaryDelta,
    SummaryDone,
    SummaryPartAdded,
    SummaryPartDone,
)
from grokgate_responses.answer.objects import (
    CustomCallItem,
    FunctionCallItem,
    ItemStatus,
    MessageItem,
    OutputItem,
    OutputText,
    ReasoningItem,
    SearchAction,
    SummaryText,
    UrlAnnotation,
    WebSearchItem,
)
from grokgate_responses.request.tools import Tools

Seal = Callable[[bytes], str]
"""Seals a text for the client that it is sent to."""


class OpenMessage:
    """A message being written, with its one part."""

    def __init__(self, out: Encoder, place: int) -> None:
        self._out = out
        self._place = place
        self._id = out.new_id("msg_")
        self._pieces: list[str] = []
        begin(out, place, MessageItem(id=self._id, status="in_progress"))
        out.put(
            ContentPartAdded(
                sequence_number=out.number(),
                item_id=self._id,
                output_index=place,
                content_index=0,
                part=OutputText(text=""),
            )
        )
        sample = OutputTextDelta(
            sequence_number=0, item_id=self._id, output_index=place, content_index=0, delta=""
        )
        self._delta = DeltaWriter(out, sample)

    def write(self, text: str) -> None:
        """Write the next piece; *text* is not empty."""
        self._pieces.append(text)
        self._delta.write(text)

    def end(self, status: ItemStatus, cited: Iterable[Cited]) -> MessageItem:
        """End the message; *cited* are the links in its text."""
        annotations = tuple(
            UrlAnnotation(
                url=clean(link.url),
                title=clean(link.title),
                start_index=link.start,
                end_index=link.end,
            )
            for link in cited
        )
        part = OutputText(text=clean("".join(self._pieces)), annotations=annotations)
        self._annotate(annotations)
        self._finish(part)
        item = MessageItem(id=self._id, status=status, content=(part,))
        end(self._out, self._place, item)
        return item

    def _annotate(self, annotations: Iterable[UrlAnnotation]) -> None:
        for index, annotation in enumerate(annotations):
            self._out.put(
                AnnotationAdded(
                    sequence_number=self._out.number(),
                    item_id=self._id,
                    output_index=self._place,
                    content_index=0,
                    annotation_index=index,
                    annotation=annotation,
                )
            )

    def _finish(self, part: OutputText) -> None:
        self._out.put(
            OutputTextDone(
                sequence_number=self._out.number(),
                item_id=self._id,
                output_index=self._place,
                content_index=0,
                text=part.text,
            )
        )
        self._out.put(
            ContentPartDone(
                sequence_number=self._out.number(),
                item_id=self._id,
                output_index=self._place,
                content_index=0,
                part=part,
            )
        )


class OpenReasoning:
    """Reasoning being written, as a summary of one part."""

    def __init__(self, out: Encoder, place: int) -> None:
        self._out = out
        self._place = place
        self._id = out.new_id("rs_")
        self._pieces: list[str] = []
        begin(out, place, ReasoningItem(id=self._id, status="in_progress"))
        out.put(
            SummaryPartAdded(
                sequence_number=out.number(),
                item_id=self._id,
                output_index=place,
                summary_index=0,
                part=SummaryText(text=""),
            )
        )
        sample = SummaryDelta(
            sequence_number=0, item_id=self._id, output_index=place, summary_index=0, delta=""
        )
        self._delta = DeltaWriter(out, sample)

    def write(self, text: str) -> None:
        """Write the next piece; *text* is not empty."""
        self._pieces.append(text)
        self._delta.write(text)

    def end(self, status: ItemStatus, seal: Seal | None) -> ReasoningItem:
        """End the item; *seal* makes its ``encrypted_content``, where that is wanted."""
        part = SummaryText(text=clean("".join(self._pieces)))
        self._out.put(
            SummaryDone(
                sequence_number=self._out.number(),
                item_id=self._id,
                output_index=self._place,
                summary_index=0,
                text=part.text,
            )
        )
        self._out.put(
            SummaryPartDone(
                sequence_number=self._out.number(),
                item_id=self._id,
                output_index=self._place,
                summary_index=0,
                part=part,
            )
        )
        sealed = seal(part.text.encode()) if seal is not None else UNSET
        item = ReasoningItem(id=self._id, status=status, summary=(part,), encrypted_content=sealed)
        end(self._out, self._place, item)
        return item


def write_call(out: Encoder, place: int, call: ToolCall, tools: Tools) -> OutputItem:
    """Write a whole call of one of *tools*."""
    name, namespace = tools.called(call.name)
    home = namespace if namespace is not None else UNSET
    text = clean(call.arguments)
    if call.custom:
        custom = CustomCallItem(
            id=out.new_id("ctc_"),
            status="in_progress",
            call_id=call.id,
            name=name,
            input="",
            namespace=home,
        )
        return _write_custom(out, place, custom, text)
    function = FunctionCallItem(
        id=out.new_id("fc_"),
        status="in_progress",
        call_id=call.id,
        name=name,
        arguments="",
        namespace=home,
    )
    return _write_function(out, place, function, text)


def write_search(out: Encoder, place: int, action: SearchAction) -> WebSearchItem:
    """Write the searches of a turn, which are over."""
    item = WebSearchItem(id=out.new_id("ws_"), status="in_progress", action=action)
    begin(out, place, item)
    for step in (SearchInProgress, SearchSearching, SearchCompleted):
        out.put(step(sequence_number=out.number(), item_id=item.id, output_index=place))
    done = structs.replace(item, status="completed")
    end(out, place, done)
    return done


def begin(out: Encoder, place: int, item: OutputItem) -> None:
    """Write that *item* begins."""
    out.put(ItemAdded(sequence_number=out.number(), output_index=place, item=item))


def end(out: Encoder, place: int, item: OutputItem) -> None:
    """Write that *item* is complete."""
    out.put(ItemDone(sequence_number=out.number(), output_index=place, item=item))


def _write_function(
    out: Encoder, place: int, item: FunctionCallItem, arguments: str
) -> FunctionCallItem:
    begin(out, place, item)
    out.put(
        ArgumentsDelta(
            sequence_number=out.number(), item_id=item.id, output_index=place, delta=arguments
        )
    )
    out.put(
        ArgumentsDone(
            sequence_number=out.number(),
            item_id=item.id,
            output_index=place,
            name=item.name,
            arguments=arguments,
        )
    )
    done = structs.replace(item, status="completed", arguments=arguments)
    end(out, place, done)
    return done


def _write_custom(out: Encoder, place: int, item: CustomCallItem, text: str) -> CustomCallItem:
    begin(out, place, item)
    out.put(
        InputDelta(sequence_number=out.number(), item_id=item.id, output_index=place, delta=text)
    )
    out.put(
        InputDone(sequence_number=out.number(), item_id=item.id, output_index=place, input=text)
    )
    done = structs.replace(item, status="completed", input=text)
    end(out, place, done)
    return done
