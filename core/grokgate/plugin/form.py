"""A multipart form as a handler sees it."""

from msgspec import Struct

from grokgate.upstream import Blob


class Form(Struct, frozen=True, kw_only=True):
    """The parts of a form in the order they came; a name may occur several times."""

    texts: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, Blob], ...] = ()

    def fields(self) -> dict[str, str]:
        """Return the texts by name; of equal names the last one counts."""
        return dict(self.texts)

    def files_of(self, *names: str) -> list[Blob]:
        """Return the files whose field is one of *names*."""
        return [blob for name, blob in self.files if name in names]
