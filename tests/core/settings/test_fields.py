from typing import Annotated, Any, cast

import pytest
from msgspec import Meta, defstruct

from grokgate.errors import PluginError
from grokgate.plugin.records import Settings
from grokgate.settings import Declaration, Switch, collect_fields, setting_keys
from grokgate.settings.core import CORE


def section(annotation: Any, *default: Any, **extra: Any) -> type[Settings]:
    described = Annotated[annotation, Meta(description="A setting.", extra=extra)]
    made = defstruct(
        "Section",
        [("field", described, *default)],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )
    return cast("type[Settings]", made)


def test_key_lies_below_the_plugin_unless_pinned() -> None:
    assert setting_keys("haiku", section(int, 1)) == ("plugins.haiku.field",)
    assert setting_keys("haiku", section(int, 1, key="grok.haiku")) == ("grok.haiku",)


def test_older_spellings_are_claimed_too() -> None:
    pinned = section(str, "", key="grok.impersonate", alias=("wreq_emulation", "proxy.browser"))

    assert setting_keys("web", pinned) == (
        "grok.impersonate",
        "grok.wreq_emulation",
        "proxy.browser",
    )


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(section(int), id="no default"),
        pytest.param(section(int | str, 1), id="type"),
        pytest.param(section(Annotated[int, Meta(ge=2)], 1), id="unfit default"),
        pytest.param(section(int, 1, key="timeout"), id="no section"),
        pytest.param(section(int, 1, key="downstream.enable_chat"), id="a switch"),
        pytest.param(section(int, 1, key="grok.timeout"), id="the core's"),
        pytest.param(section(int, 1, key="grok.timeout.extra"), id="below the core's"),
        pytest.param(
            defstruct("Section", [("field", int, 1)], bases=(Settings,)), id="no description"
        ),
    ],
)
def test_badly_declared_section_is_refused(bad: type[Settings]) -> None:
    with pytest.raises(PluginError) as caught:
        setting_keys("haiku", bad)

    assert caught.value.plugin == "haiku"


def test_clash_names_both_owners() -> None:
    declarations = [
        Declaration("one", section(int, 1, key="grok.shared")),
        Declaration("two", section(int, 1, key="grok.shared")),
    ]

    with pytest.raises(PluginError, match=r"'two'.*'grok\.shared' of 'one'"):
        collect_fields(declarations, ())


def test_two_switches_of_one_id_clash() -> None:
    with pytest.raises(PluginError, match="'one'"):
        collect_fields((), [Switch("chat", "one"), Switch("chat", "two")])


def test_field_carries_what_forms_and_documents_need() -> None:
    annotation = Annotated[int, Meta(ge=1, le=9)]
    fields = collect_fields(
        [Declaration("haiku", section(annotation, 3, zh="设置", startup=True))], ()
    )
    field = fields["plugins.haiku.field"]

    assert (field.rule.kind, field.rule.minimum, field.rule.maximum) == ("int", 1, 9)
    assert field.help == {"en": "A setting.", "zh": "设置"}
    assert field.startup
    assert field.variable == "GROKGATE__PLUGINS__HAIKU__FIELD"


def test_every_setting_of_the_core_is_described_in_both_languages() -> None:
    fields = collect_fields(CORE, ())

    assert [key for key, field in fields.items() if field.help["zh"] == field.help["en"]] == []
