"""Makes one value for each key out of the layers, and remembers where it came from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from grokgate.errors import StartupError
from grokgate.settings.aliases import spellings
from grokgate.settings.fields import Field
from grokgate.settings.sources import EnvironmentLayer
from grokgate.settings.values import BadValueError, convert

Origin: TypeAlias = Literal["default", "file", "database", "env", "overlay"]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Fixed(Struct, frozen=True, kw_only=True):
    """What the environment and the run set; nothing changes it until the next start."""

    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    locks: Mapping[str, str]
    """Key → what sets it, for the operator."""
    warnings: tuple[str, ...]
    variables: Mapping[str, str] = {}
    """Key → name of the environment variable that sets it."""


class Resolved(Struct, frozen=True, kw_only=True):
    """All values of one moment, by key."""

    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    filed: Mapping[str, Any]
    """Good values of the file, whether or not another layer wins."""
    warnings: tuple[str, ...]


def resolve_fixed(
    fields: Mapping[str, Field], environment: EnvironmentLayer, overlay: Mapping[str, Any]
) -> Fixed:
    """Convert what the environment and the run set.

    A bad variable counts as absent and is warned about; a bad overlay is a defect of the caller.

    Raises:
        StartupError: The overlay has an unknown key or a bad value.
    """
    values: dict[str, Any] = {}
    locks: dict[str, str] = {}
    variables: dict[str, str] = {}
    warnings = list(environment.warnings)
    for key, text in environment.values.items():
        variable = environment.variables[key]
        try:
            values[key] = convert(text, fields[key].rule)
            locks[key] = f"the environment variable {variable}"
            variables[key] = variable
        except BadValueError as error:
            warnings.append(f"environment variable {variable} is ignored: {error}")
    origins: dict[str, Origin] = dict.fromkeys(values, "env")
    for key, value in _overlaid(fields, overlay).items():
        values[key], origins[key], locks[key] = value, "overlay", "an option of this run"
        variables.pop(key, None)
    return Fixed(
        values=values,
        origins=origins,
        locks=locks,
        warnings=tuple(warnings),
        variables=variables,
    )


def resolve(
    fields: Mapping[str, Field],
    filed: Mapping[str, Any],
    fixed: Fixed,
    *,
    last_good: Mapping[str, Any],
    held: Mapping[str, Any],
    stored: Mapping[str, Any] = _NOTHING,
) -> Resolved:
    """Lay default, file, database and the fixed layers over each other.

    Args:
        fields: All fields by key.
        filed: Raw values of the file by key.
        fixed: What wins over file and database.
        last_good: Values of the file that hold on where the file now has a bad one.
        held: Values fixed at start, which stay whatever the file says now.
        stored: Raw values of the database by key.
    """
    good: dict[str, Any] = {}
    warnings: list[str] = []
    for key, raw in filed.items():
        try:
            good[key] = convert(raw, fields[key].rule)
        except BadValueError as error:
            used = "the last good value" if key in last_good else "the default"
            warnings.append(f"{key}: {error}; {used} is used")
            if key in last_good:
                good[key] = last_good[key]
    defaults = {key: field.default for key, field in fields.items()}
    origins: dict[str, Origin] = dict.fromkeys(defaults, "default")
    origins.update(dict.fromkeys(good, "file"))
    kept: dict[str, Any] = {}
    for key, raw in stored.items():
        try:
            kept[key] = convert(raw, fields[key].rule)
        except BadValueError as error:
            warnings.append(f"{key}: {error}; what the database holds is ignored")
    origins.update(dict.fromkeys(kept, "database"))
    values = {**defaults, **good, **kept, **fixed.values}
    for key, value in held.items():
        if values[key] != value:
            warnings.append(f"{key}: the change takes effect at the next start")
            values[key] = value
    return Resolved(
        values=values,
        origins={**origins, **fixed.origins},
        filed=good,
        warnings=tuple(warnings),
    )


def _overlaid(fields: Mapping[str, Field], overlay: Mapping[str, Any]) -> dict[str, Any]:
    names = spellings(fields.values())
    values: dict[str, Any] = {}
    for name, raw in overlay.items():
        if name not in names:
            raise StartupError(f"{name} is no setting of the loaded plugins")
        field = names[name]
        try:
            values[field.key] = convert(raw, field.rule)
        except BadValueError as error:
            raise StartupError(f"{name}: {error}") from error
    return values
