"""What can go wrong with files, quota and other calls beside chat (upstream-protocol.md 10.5)."""

from typing import Literal, TypeAlias

from grokgate.sandbox.expectation import UNHARMED, Expectation, expect
from grokgate.sandbox.knob import Knob
from grokgate.upstream import Kind, Stage


class UploadError(Knob, frozen=True, tag="upload_error"):
    """Fail an upload; without it the chat call that needs it cannot be sent."""

    form: Literal["missing_ids", "terminal_error", "413", "415", "500", "503"] = "missing_ids"
    """``terminal_error`` differs from missing ids in an upload in parts only."""

    @property
    def expected(self) -> Expectation:
        """The chat body never went out."""
        if self.form in ("413", "415"):
            return expect(Kind.BAD_REQUEST, Stage.REFUSED, Stage.UNSENT)
        if self.form in ("missing_ids", "terminal_error"):
            kinds = (Kind.MALFORMED, Kind.TRANSIENT, Kind.BAD_REQUEST)
            return Expectation(kinds=kinds, stages=(Stage.UNSENT, Stage.SENT))
        return expect(Kind.TRANSIENT, Stage.UNSENT, Stage.SENT)


class QuotaJson(Knob, frozen=True, tag="quota_json"):
    """Answer a rate-limit or quota call in an odd or broken form."""

    form: Literal[
        "missing_fields", "prefix", "loop_prefix", "bom", "empty", "zero_totals", "null_products"
    ] = "prefix"
    """The last one: no product is offered; it concerns the quota of pictures alone."""

    @property
    def expected(self) -> Expectation:
        """Prefixes are stripped; zeros may mean "not offered"; the rest teaches nothing."""
        if self.form in ("prefix", "loop_prefix", "bom", "null_products"):
            return UNHARMED
        kinds = (Kind.OK, Kind.MALFORMED) if self.form == "zero_totals" else (Kind.MALFORMED,)
        return Expectation(kinds=kinds, stages=(Stage.CONTENT, Stage.SENT))


RestAction: TypeAlias = UploadError | QuotaJson
