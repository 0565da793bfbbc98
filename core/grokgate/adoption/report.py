"""What was taken over from a predecessor's folder, for the log and the admin pages."""

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

MOST_REMARKS: Final = 100
_MOST_FILES: Final = 100
_LONGEST: Final = 300
"""Characters of a remark, which may hold a name out of the file."""


class FileReport(Struct, frozen=True, kw_only=True):
    """What became of one file."""

    name: Annotated[str, Meta(examples=["token.json"])]
    counts: Mapping[str, int] = {}
    """Such as ``{"added": 12, "rejected": 1}``."""
    remarks: tuple[str, ...] = ()
    """Sentences with places, never with a secret; at most `MOST_REMARKS`."""

    def shortened(self) -> "FileReport":
        """Return it with remarks that are no longer than somebody reads."""
        remarks = tuple(text[:_LONGEST] for text in self.remarks[:MOST_REMARKS])
        return replace(self, remarks=remarks)


class AdoptionReport(Struct, frozen=True, kw_only=True):
    """What became of all of them, newest reading of each; of the last hundred files."""

    at_ms: int = 0
    """Unix milliseconds of the last file that was read; 0: none ever was."""
    files: tuple[FileReport, ...] = ()

    def with_file(self, report: FileReport, *, at_ms: int) -> "AdoptionReport":
        """Return the report with *report* in place of an earlier one of the same file."""
        others = tuple(file for file in self.files if file.name != report.name)
        return AdoptionReport(at_ms=at_ms, files=(*others, report)[-_MOST_FILES:])
