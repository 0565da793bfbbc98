"""Wire types of the configuration API (F-CFG-05, F-CFG-08, F-CFG-134)."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.settings import Field, SettingsStore
from grokgate.settings.resolve import Origin
from grokgate.settings.showing import shown
from grokgate.settings.titles import title
from grokgate.settings.values import Kind, plain

Texts: TypeAlias = Annotated[
    Mapping[str, str], Meta(description="By language.", examples=[{"en": "Log", "zh": "日志"}])
]
_FILE = "config.toml"


class FieldSchema(Struct, frozen=True, kw_only=True):
    """One setting."""

    key: Annotated[str, Meta(examples=["grok.timeout"])]
    type: Kind
    default: Any
    value: Annotated[Any, Meta(description="In force; of a secret its mask.")]
    origin: Annotated[Origin, Meta(description="Which layer says so; overlay: this run.")]
    min: float | None
    max: float | None
    choices: list[Any] | None
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


class ConfigSchema(Struct, frozen=True, kw_only=True):
    """Everything that the settings page is built from."""

    revision: Annotated[int, Meta(description="Grows with every change.")]
    sections: list[SectionSchema]


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
        revision=store.snapshot.revision,
        sections=[_section(store, name, members) for name, members in sections.items()],
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
        origin=store.snapshot.origins[field.key],
        min=rule.minimum,
        max=rule.maximum,
        choices=list(rule.choices) or None,
        help=field.help,
        secret=field.secret,
        startup=field.startup,
        locked_by=locked_by(store, field),
    )


def locked_by(store: SettingsStore, field: Field) -> str | None:
    """Name what keeps *field* from being changed while the service runs; None: nothing."""
    if field.key in store.locks:
        return store.variables.get(field.key, store.locks[field.key])
    return _FILE if field.file_only else None
