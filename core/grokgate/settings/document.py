"""The text of the configuration file: edits that keep what the operator wrote, and templates.

`edited` changes only the keys it is told to: comments, order, unknown sections and unknown keys
stay. Before it returns, the new text is parsed and compared with the tree it should give, so that a
file the TOML library edits wrongly is refused instead of written.
"""

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import tomlkit
from tomlkit.container import Container, OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable, Comment, InlineTable, Item, Table, Trivia

from grokgate.errors import SettingsError
from grokgate.settings.core import CORE
from grokgate.settings.fields import Declaration, Field, Switch, collect_fields
from grokgate.settings.values import plain

TEMPLATE = """\
# Grokgate's configuration. Every key is optional; config.defaults.toml lists all of them with their
# defaults. A change takes effect within two seconds; [server], [storage] and [plugins] at restart.
# Grokgate 配置文件。所有配置项均为可选，完整列表及默认值见 config.defaults.toml。
# 修改在两秒内生效；[server]、[storage]、[plugins] 需要重启。

# [app]
# api_key = ["sk-..."]

# [downstream]                        # one switch for every endpoint 每个端点一个开关
# enable_chat_completions = false
# enable_models = false

# [grok]
# timeout = 120
# max_retry = 3

# [token]
# selection = "max_quota"

# [log]
# level = "info"

# [server]
# host = "127.0.0.1"
# port = 8000

# [plugins]
# enabled = ["haiku"]
"""
"""First content of ``config.toml``."""

_DEFAULTS_HEAD = """\
# All settings with their defaults. Generated from the declarations; documentation, never an input.
# 全部配置项及其默认值。由声明生成，仅作文档，不会被读取。
"""


def edited(text: str, *, put: Mapping[str, Any], drop: Iterable[str] = ()) -> str:
    """Return *text* with the keys of *put* set and those of *drop* taken out.

    Args:
        text: Valid TOML.
        put: Full keys → values of TOML's types.
        drop: Full keys; one that is not there is ignored. The comment behind a value stays.

    Raises:
        SettingsError: The file has a form in which the keys cannot be set; edit it by hand.
    """
    if text and not text.endswith("\n"):
        text += "\n"
    drop = tuple(drop)
    wanted = _expected(text, put, drop)
    try:
        document = tomlkit.parse(text)
        for key in drop:
            _drop(document, key)
        for key, value in put.items():
            _put(document, key, value)
        result = document.as_string()
        right = _same(tomllib.loads(result.encode().decode()), wanted)
    except (TOMLKitError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unfit() from error
    if not right:
        raise _unfit()
    return result


def render_defaults(declarations: Iterable[Declaration], switches: Iterable[Switch]) -> str:
    """Render the text of ``config.defaults.toml``: every key, described, in both languages."""
    fields = collect_fields([*CORE, *declarations], switches)
    order = list(dict.fromkeys(_section(field) for field in fields.values()))
    ordered = sorted(fields.values(), key=lambda field: order.index(_section(field)))
    lines = [_DEFAULTS_HEAD]
    for section, members in groupby(ordered, key=_section):
        lines.append(f"[{section}]")
        for field in members:
            lines.extend(_described(field))
        lines.append("")
    return "\n".join(lines)


def _unfit() -> SettingsError:
    return SettingsError("config.toml has a form that cannot be edited here; change it by hand.")


def _expected(text: str, put: Mapping[str, Any], drop: Iterable[str]) -> dict[str, Any]:
    """Return the tree that the edited text must give."""
    tree = tomllib.loads(text)
    for key in drop:
        *parts, last = key.split(".")
        table = _table_at(tree, parts)
        if table is not None:
            table.pop(last, None)
    for key, value in put.items():
        *parts, last = key.split(".")
        table = tree
        for part in parts:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise _unfit()
        table[last] = value
    return tree


def _table_at(tree: Any, parts: Iterable[str]) -> Any:
    for part in parts:
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else None


def _drop(document: Any, key: str) -> None:
    *parts, last = key.split(".")
    table = _table_at(document, parts)
    if table is None or last not in table:
        return
    part = _part(table, last)
    container = part.value if isinstance(part, AbstractTable) else part
    position = _position(container, last)
    comment = _left_behind(container.item(last))
    del part[last]
    if comment is not None and position is not None and not isinstance(part, InlineTable):
        container.body[position] = (None, comment)


def _part(table: Any, name: str) -> Any:
    """Return the part of *table* that holds *name*: a table may be written in several places."""
    if not isinstance(table, OutOfOrderTableProxy):
        return table
    parts = table._tables  # noqa: SLF001 - through the proxy an emptied part would go, comments and all
    return next(part for part in parts if name in part)


def _position(container: Container, name: str) -> int | None:
    keys = (key.key if key is not None else None for key, _ in container.body)
    return next((at for at, key in enumerate(keys) if key == name), None)


def _left_behind(item: Any) -> Comment | None:
    if not isinstance(item, Item) or isinstance(item, AbstractTable):
        return None
    trivia = item.trivia
    if not trivia.comment:
        return None
    return Comment(Trivia(indent=trivia.indent, comment=trivia.comment, trail=trivia.trail))


def _put(document: Any, key: str, value: Any) -> None:
    *parts, last = key.split(".")
    table = document
    for part in parts:
        if part not in table:
            _add_table(table, part)
        table = table[part]
    if last in table:
        table[last] = _item(value)
    else:
        _append(table, last, _item(value))


def _add_table(table: Any, name: str) -> None:
    if isinstance(table, InlineTable):
        table[name] = tomlkit.inline_table()
        return
    if isinstance(table, Container) and table.body:
        table.add(tomlkit.nl())
    table[name] = tomlkit.table()


def _append(table: Any, name: str, item: Item) -> None:
    """Add a key below the last one, above the comments that introduce the next table."""
    if not isinstance(table, Table):
        table[name] = item
        return
    body = table.value.body
    tail: list[Any] = []
    while body and body[-1][0] is None:
        tail.insert(0, body.pop())
    table[name] = item
    body.extend(tail)


def _item(value: Any) -> Item:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for name, part in value.items():
            table.append(name, _item(part))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for part in value:
            array.append(_item(part))
        return array
    item: Item = tomlkit.item(value)
    return item


def _same(one: Any, other: Any) -> bool:
    """Compare trees; unlike ``==``, not-a-number equals itself and 1 differs from true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)


def _section(field: Field) -> str:
    return field.key.rpartition(".")[0]


def _described(field: Field) -> Iterator[str]:
    name = field.key.rpartition(".")[2]
    yield f"# {field.help['en']}"
    if field.help["zh"] != field.help["en"]:
        yield f"# {field.help['zh']}"
    yield f"# {' · '.join(_facts(field))}"
    default = plain(field.default)
    yield f"# {name} =" if default is None else f"{name} = {_item(default).as_string()}"


def _facts(field: Field) -> Iterator[str]:
    rule = field.rule
    yield rule.kind
    if rule.choices:
        yield ", ".join(map(str, rule.choices))
    if rule.minimum is not None:
        yield f"{'>' if rule.open_minimum else '≥'} {rule.minimum:g}"
    if rule.maximum is not None:
        yield f"{'<' if rule.open_maximum else '≤'} {rule.maximum:g}"
    if field.secret:
        yield "secret"
    if field.startup:
        yield "at start only"
    if field.file_only:
        yield "from file or environment only"
    if field.aliases:
        yield f"also {', '.join(field.aliases)}"
