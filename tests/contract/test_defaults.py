"""``config.defaults.toml`` is what the settings say it is, and documents each of them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions
from grokgate.settings.document import render_defaults

FILE = Path(__file__).parents[2] / "config.defaults.toml"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    folder = tmp_path_factory.mktemp("data")
    return Gateway(RunOptions(data_dir=folder, log_dir=folder, look_only=True), {})


def leaves(tree: dict[str, object], at: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{at}{name}.")
        else:
            yield f"{at}{name}"


def test_it_is_up_to_date(gateway: Gateway) -> None:
    fresh = render_defaults(gateway.declarations, gateway.switches)

    assert FILE.read_text(encoding="utf-8") == fresh, "python3 dev.py defaults"


def test_it_names_every_key_and_no_other(gateway: Gateway) -> None:
    fields = gateway.settings.fields
    maps = {key for key, field in fields.items() if field.rule.kind == "map"}
    named = set(leaves(tomllib.loads(FILE.read_text(encoding="utf-8"))))
    inside = {leaf for leaf in named for key in maps if leaf.startswith(f"{key}.")}

    unset = {key for key, field in fields.items() if field.default is None}
    assert (named - inside) | maps == set(fields) - unset
    text = FILE.read_text(encoding="utf-8")
    assert [key for key in unset if f"\n# {key.rpartition('.')[2]} =\n" not in text] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_setting_is_described(gateway: Gateway, language: str) -> None:
    lacking = [key for key, field in gateway.settings.fields.items() if not field.help[language]]

    assert lacking == []


def test_every_setting_is_translated(gateway: Gateway) -> None:
    fields = gateway.settings.fields.items()

    assert [key for key, field in fields if field.help["en"] == field.help["zh"]] == []
