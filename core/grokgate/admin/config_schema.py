"""Wire types of the configuration API (F-CFG-05, F-CFG-08, F-CFG-134)."""

from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.settings import Field, SettingsStore
from grokgate.settings.resolve import Origin
from grokgate.settings.showing import shown, unknown
from grokgate.settings.titles import title
from grokgate.settings.values import Kind, Rule, plain, rule_of

Texts: TypeAlias = Annotated[
    Mapping[str, str], Meta(description="By language.", examples=[{"en": "Log", "zh": "日志"}])
]
Unit: TypeAlias = Literal["ms", "s", "min", "h", "d", "MB", "bytes"]
_FILE = "config.toml"
_UNITS: Final[Mapping[str, Unit]] = {
    "ms": "ms",
    "sec": "s",
    "seconds": "s",
    "timeout": "s",
    "minutes": "min",
    "hours": "h",
    "days": "d",
    "mb": "MB",
    "bytes": "bytes",
}


class ItemSchema(Struct, frozen=True, kw_only=True):
    """What the items of a list may be."""

    type: Kind
    choices: list[Any] | None
    min: float | None
    max: float | None


class FieldSchema(Struct, frozen=True, kw_only=True):
    """One setting."""

    key: Annotated[str, Meta(examples=["grok.timeout"])]
    type: Kind
    default: Any
    value: Annotated[Any, Meta(description="In force; of a secret its mask.")]
    changed: Annotated[bool, Meta(description="Not the default.")]
    origin: Annotated[Origin, Meta(description="Which layer says so; overlay: this run.")]
    min: float | None
    max: float | None
    min_open: Annotated[bool, Meta(description="The minimum itself is not allowed.")]
    max_open: bool
    unit: Annotated[Unit | None, Meta(description="Of a number.", examples=["s"])]
    nullable: Annotated[bool, Meta(description="null is a value of its own: nothing is set.")]
    choices: list[Any] | None
    items: Annotated[ItemSchema | None, Meta(description="Of a list.")]
    help: Texts
    secret: bool
    startup: Annotated[bool, Meta(description="Fixed at start: change it in the file.")]
    locked_by: Annotated[
        str | None,
        Meta(
            description="Why it cannot be changed here: a variable, or config.toml.",
            examples=["GROKGATE__GROK__TIMEOUT"],
        ),
    ]


class SectionSchema(Struct, frozen=True, kw_only=True):
    """Settings that belong together."""

    name: Annotated[str, Meta(examples=["grok"])]
    title: Texts
    owner: Annotated[str, Meta(description="Plugin that declares it, or core.")]
    fields: list[FieldSchema]


class UnknownKey(Struct, frozen=True, kw_only=True):
    """A key of the file that is no setting."""

    key: Annotated[str, Meta(examples=["grok.tiemout"])]
    value: Annotated[Any, Meta(description="Texts are masked: nobody knows what they are.")]


class ConfigSchema(Struct, frozen=True, kw_only=True):
    """Everything that the settings page is built from."""

    revision: Annotated[int, Meta(description="Grows with every change.")]
    sections: list[SectionSchema]
    unknown: Annotated[
        list[UnknownKey],
        Meta(description="What the file holds besides; it is kept and has no effect."),
    ]


class Changed(Struct, frozen=True, kw_only=True):
    """A change was saved and is in force."""

    message: Annotated[str, Meta(examples=["Saved."])]
    revision: int
    warnings: list[str] | UnsetType = UNSET
    status: str = "success"


class Impersonation(Struct, frozen=True, kw_only=True):
    """What the fingerprint settings mean with the installed library."""

    targets: Annotated[list[str], Meta(examples=[["chrome136", "safari184"]])]
    aliases: Annotated[Mapping[str, str], Meta(examples=[{"chrome138": "chrome136"}])]
    settings: Annotated[
        Mapping[str, Mapping[str, Any]],
        Meta(
            description="Setting → what is wanted, and the target that stands for it.",
            examples=[{"grok.impersonate": {"wanted": "chrome136", "target": "chrome136"}}],
        ),
    ]
    warnings: list[str]


def schema_of(store: SettingsStore) -> ConfigSchema:
    """Describe every setting with its value and where that comes from."""
    sections: dict[str, list[Field]] = {}
    for field in store.fields.values():
        sections.setdefault(_section_of(field), []).append(field)
    return ConfigSchema(
        revision=store.revision,
        sections=[_section(store, name, members) for name, members in sections.items()],
        unknown=[
            UnknownKey(key=key, value=value)
            for key, value in unknown(store.fields, store.file.tree).items()
        ],
    )


def _section_of(field: Field) -> str:
    return field.key.rpartition(".")[0]


def _section(store: SettingsStore, name: str, fields: list[Field]) -> SectionSchema:
    return SectionSchema(
        name=name,
        title=title(name),
        owner=fields[0].owner,
        fields=[_field(store, field) for field in fields],
    )


def _field(store: SettingsStore, field: Field) -> FieldSchema:
    rule = field.rule
    return FieldSchema(
        key=field.key,
        type=rule.kind,
        default=plain(field.default),
        value=shown(field, store.values[field.key]),
        changed=store.values[field.key] != field.default,
        origin=store.snapshot.origins[field.key],
        min=rule.minimum,
        max=rule.maximum,
        min_open=rule.open_minimum,
        max_open=rule.open_maximum,
        unit=_unit(field),
        nullable=NoneType in get_args(_bare(rule.type)),
        choices=list(rule.choices) or None,
        items=_items(rule),
        help=field.help,
        secret=field.secret,
        startup=field.startup,
        locked_by=locked_by(store, field),
    )


def _items(rule: Rule) -> ItemSchema | None:
    if rule.kind != "list":
        return None
    each = rule_of(get_args(_bare(rule.type))[0], {})
    return ItemSchema(
        type=each.kind,
        choices=list(each.choices) or None,
        min=each.minimum,
        max=each.maximum,
    )


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _unit(field: Field) -> Unit | None:
    """Return the unit of a number, which its name ends with."""
    if field.rule.kind not in {"int", "float"}:
        return None
    return _UNITS.get(field.key.rpartition(".")[2].rpartition("_")[2])


def locked_by(store: SettingsStore, field: Field) -> str | None:
    """Name what keeps *field* from being changed while the service runs; None: nothing."""
    if field.key in store.locks:
        return store.variables.get(field.key, store.locks[field.key])
    return _FILE if field.file_only else None
