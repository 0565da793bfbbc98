"""What the readers of database servers share: drivers as extras, errors without secrets."""

from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from grokgate.errors import StartupError


def driver(module: str, *, extra: str) -> None:
    """Make sure that a driver is installed.

    Raises:
        StartupError: It is not; names the command.
    """
    if find_spec(module) is None:
        raise StartupError(
            f"Reading this source needs the package {module}: pip install 'grokgate[{extra}]'"
        )


def refused(url: str, error: Exception) -> StartupError:
    """Return what to tell of a database at *url* that cannot be read; never its password."""
    try:
        parts = urlsplit(url)
        place = f"{parts.scheme} at {parts.hostname or 'a socket'}"
        secret = parts.password or ""
    except ValueError:
        return StartupError("The address of the database cannot be read.")
    reason = f"{type(error).__name__}: {error}"
    for text in {secret, unquote(secret)} - {""}:
        reason = reason.replace(text, "…")
    return StartupError(f"The database ({place}) cannot be read: {reason}")
