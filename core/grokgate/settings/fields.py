"""Turns `Settings` structs and switches into fields: one record for each key.

A setting is declared once, in a struct. From its field come parsing, the text of
``config.defaults.toml``, the form of the admin page and the names of the environment variables.
"""

import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

import msgspec
from msgspec import Meta, Struct, inspect
from msgspec.structs import FieldInfo, replace

from grokgate.errors import PluginError
from grokgate.plugin.records import Settings
from grokgate.settings.values import BadValueError, Rule, convert, plain, rule_of

SWITCHES = "downstream"
"""Section of the switches; its keys belong to routes, never to structs."""

_LIMITS = frozenset({"gt", "ge", "lt", "le", "min_length", "max_length", "pattern"})
_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_-]*){1,2}")


def described(en: str, zh: str, **more: Any) -> Meta:
    """Describe a field in both languages; *more* are limits of `Meta` and keys of its ``extra``."""
    limits = {name: more.pop(name) for name in _LIMITS & more.keys()}
    return Meta(description=en, extra={"zh": zh, **more}, **limits)


class Declaration(Struct, frozen=True):
    """A section of settings and who declares it."""

    owner: str
    type: builtins.type[Settings]
    section: str | None = None
    """Section of the fields without a pinned key; None: ``plugins.<owner>``."""


class Switch(Struct, frozen=True):
    """A route that can be turned on and off: the key ``downstream.enable_<id>``."""

    id: str
    owner: str
    default_enabled: bool = True
    requires: tuple[str, ...] = ()
    """Ids of switches that must be on too."""


class Fault(Struct, frozen=True):
    """Something that has no effect, though its value is well formed."""

    key: str
    text: str
    """Completes the sentence "<key>: …"."""


class Field(Struct, frozen=True, kw_only=True):
    """One key of the configuration."""

    key: str
    owner: str
    rule: Rule
    default: Any
    help: Mapping[str, str]
    """Language → description."""
    section: type[Settings] | None = None
    """Struct that holds the value; None for a switch."""
    name: str = ""
    """Name of the struct's field; for a switch the route's id."""
    aliases: tuple[str, ...] = ()
    """Older spellings, full keys."""
    secret: bool = False
    startup: bool = False
    file_only: bool = False

    prefix: ClassVar[str] = "GROKGATE__"

    @property
    def spellings(self) -> tuple[str, ...]:
        """The key, then its older spellings."""
        return (self.key, *self.aliases)

    @property
    def variable(self) -> str:
        """Name of the environment variable that sets it (F-ENV-12)."""
        return self.prefix + self.key.replace(".", "__").replace("-", "_").upper()


def collect_fields(
    declarations: Iterable[Declaration], switches: Iterable[Switch]
) -> dict[str, Field]:
    """Return the fields of all declarations and switches by key, in the order given.

    Raises:
        PluginError: A key or spelling has two owners (the message names both), or a section is not
            well declared. The plugin at fault is the later one.
    """
    fields: dict[str, Field] = {}
    owners: dict[str, str] = {}
    for field in _all_fields(declarations, switches):
        for spelling in field.spellings:
            _claim(spelling, field.owner, owners)
        fields[field.key] = field
    return fields


def with_checks(
    fields: Mapping[str, Field], checks: Mapping[str, Callable[[Any], object]]
) -> dict[str, Field]:
    """Give fields another test of their value, by key; keys of no field are ignored."""
    changed = {
        key: replace(field, rule=replace(field.rule, check=checks[key]))
        for key, field in fields.items()
        if key in checks
    }
    return {**fields, **changed}


@cache
def fields_of(declaration: Declaration) -> tuple[Field, ...]:
    """Return the fields of one section, in the order of the struct.

    Reading the annotations takes milliseconds, and every start asks several times.

    Raises:
        PluginError: A field has no default or no description, or its type, key or default is
            unfit.
    """
    return tuple(_field(declaration, info) for info in msgspec.structs.fields(declaration.type))


def _all_fields(declarations: Iterable[Declaration], switches: Iterable[Switch]) -> Iterable[Field]:
    for declaration in declarations:
        yield from fields_of(declaration)
    for switch in switches:
        yield _switch_field(switch)


def _claim(key: str, owner: str, owners: dict[str, str]) -> None:
    for taken, other in owners.items():
        if taken == key or taken.startswith(key + ".") or key.startswith(taken + "."):
            raise PluginError(owner, f"setting {key!r} clashes with {taken!r} of {other!r}")
    owners[key] = owner


def _field(declaration: Declaration, info: FieldInfo) -> Field:
    owner = declaration.owner
    description, extra = _meta(info.type)
    section = declaration.section or f"plugins.{owner}"
    key = extra.get("key", f"{section}.{info.name}")
    if not _KEY.fullmatch(key) or key.startswith(f"{SWITCHES}."):
        raise PluginError(owner, f"setting key {key!r} is not allowed")
    if not description:
        raise PluginError(owner, f"setting {key!r} has no description")
    try:
        rule = rule_of(info.type, extra)
    except TypeError as error:
        raise PluginError(owner, f"setting {key!r}: {error}") from error
    return Field(
        key=key,
        owner=owner,
        rule=rule,
        default=_default(owner, key, info, rule),
        help={"en": description, "zh": extra.get("zh", description)},
        section=declaration.type,
        name=info.name,
        aliases=_aliases(key, extra.get("alias", ())),
        secret=extra.get("secret", False),
        startup=extra.get("startup", False),
        file_only=extra.get("file_only", False),
    )


def _meta(annotation: Any) -> tuple[str, Mapping[str, Any]]:
    """Return description and ``extra`` of an annotation."""
    node = inspect.type_info(annotation)
    if not isinstance(node, inspect.Metadata):
        return "", {}
    return (node.extra_json_schema or {}).get("description", ""), node.extra or {}


def _default(owner: str, key: str, info: FieldInfo, rule: Rule) -> Any:
    if info.required:
        raise PluginError(owner, f"setting {key!r} has no default")
    default = info.default
    if default is msgspec.NODEFAULT:
        default = info.default_factory()
    try:
        return convert(plain(default), rule)
    except BadValueError as error:
        raise PluginError(owner, f"the default of setting {key!r} is unfit: {error}") from error


def _aliases(key: str, alias: str | Iterable[str]) -> tuple[str, ...]:
    """Complete older spellings: a bare name lies in the section of *key*."""
    names = (alias,) if isinstance(alias, str) else tuple(alias)
    section = key.rpartition(".")[0]
    return tuple(name if "." in name else f"{section}.{name}" for name in names)


def _switch_field(switch: Switch) -> Field:
    key = f"{SWITCHES}.enable_{switch.id}"
    if not _KEY.fullmatch(key):
        raise PluginError(switch.owner, f"setting key {key!r} is not allowed")
    needs = ", ".join(switch.requires)
    return Field(
        key=key,
        owner=switch.owner,
        rule=rule_of(bool, {}),
        default=switch.default_enabled,
        help={
            "en": f"Answer requests of route {switch.id}."
            + (f" Needs these routes too: {needs}." if needs else ""),
            "zh": f"是否启用路由 {switch.id}。" + (f"还需启用: {needs}。" if needs else ""),
        },
        name=switch.id,
    )
