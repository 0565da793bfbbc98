"""Says findings in the operator's language."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from grokgate.doctor.finding import Finding

Language: TypeAlias = Literal["en", "zh"]

_EVIDENCE = ("http_status", "close_code", "rule")
"""Values of a failed call that have sentences of their own, in the order they are said."""


class Sentence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a code means, with ``{values}`` in braces, and what to do about it."""

    en: str
    zh: str
    do_en: str = ""
    do_zh: str = ""
    """Empty: nothing is to be done."""


class Words(Struct, frozen=True):
    """All sentences by code."""

    sentences: Mapping[str, Sentence]

    @classmethod
    def load(cls) -> "Words":
        """Read the bundled file."""
        content = files("grokgate.doctor").joinpath("words.toml").read_bytes()
        return cls(msgspec.toml.decode(content, type=dict[str, Sentence]))

    def say(self, finding: Finding, language: Language) -> str:
        """Return what was found; a call to the upstream is named before what it showed."""
        sentence = self.sentences[finding.code]
        said = sentence.zh if language == "zh" else sentence.en
        operation = finding.values.get("operation")
        if operation is not None:
            call = self.sentences[f"call_{operation}"]
            said = (call.zh if language == "zh" else call.en) + said
        return said.format(**finding.values, evidence=self._evidence(finding, language))

    def _evidence(self, finding: Finding, language: Language) -> str:
        """Say what a failed call ended with; empty: the finding is of another kind."""
        known = [code for code in _EVIDENCE if code in finding.values]
        said = [self.sentences[code] for code in known]
        texts = [sentence.zh if language == "zh" else sentence.en for sentence in said]
        return ", ".join(texts).format(**finding.values)

    def remedy(self, finding: Finding, language: Language) -> str:
        """Return what the operator can do; empty: nothing is to be done."""
        sentence = self.sentences[finding.code]
        return (sentence.do_zh if language == "zh" else sentence.do_en).format(**finding.values)
