"""Writes the tables of ``docs/reference/sandbox.md`` from the sandbox's own code.

``PYTHONPATH=core:tests python -m sandbox.sim_reference`` brings the page up to date; a test
compares it.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from grokgate.sandbox import AccountFixture, Action, Expectation, Rule
from grokgate.sandbox.directive import Options
from grokgate.sandbox.knob import FRAME_CAP_MIB, LEAD, LINE_CAP_MIB
from grokgate.sandbox.routes import AnyRoute, PublicRoute, SocketRoute
from grokgate.sandbox.wire import ROUTES

PAGE = Path(__file__).parents[2] / "docs/reference/sandbox.md"


def sections() -> Mapping[str, str]:
    """Return the generated parts of the page, by the name in their marks."""
    return {
        "endpoints": _table(
            ("Word", "Call", "Generations", "`Referer`"), (_endpoint(route) for route in ROUTES)
        ),
        "options": _table(("Option", "Values", "Default", "Meaning"), _fields(Options)),
        "knobs": "\n\n".join(_knob(knob) for knob in sorted(get_args(Action), key=_tag)),
        "rules": _table(("Field", "Values", "Default", "Meaning"), _fields(Rule)),
        "accounts": _table(("Field", "Values", "Default", "Meaning"), _fields(AccountFixture)),
    }


def written(page: str) -> str:
    """Return *page* with its generated parts replaced."""
    for name, text in sections().items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page = pattern.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)
    return page


def _endpoint(route: AnyRoute) -> tuple[str, ...]:
    if isinstance(route, PublicRoute):
        return f"`{route.name}`", f"`{route.method} {route.path}`", "all, no account", "any"
    method = "WS" if isinstance(route, SocketRoute) else route.method
    generations = "all" if len(route.protocols) == 3 else ", ".join(sorted(route.protocols))
    referers = ", ".join(f"`{path}`" for path in route.referers) or "any"
    return f"`{route.name}`", f"`{method} {route.path}`", generations, referers


def _knob(knob: type[Struct]) -> str:
    lines = [f"### `{_tag(knob)}`", _first_line(knob)]
    if knob.__struct_fields__:
        lines.append(_table(("Parameter", "Values", "Default", "Meaning"), _fields(knob)))
    rows = _grouped(
        (told, _outcome(known.expected), _outcome(known.over_socket))
        for told, known in _variants(knob)
    )
    return "\n\n".join([*lines, _table(("With", "Over HTTP", "Over a socket"), rows)])


def _variants(knob: type[Struct]) -> Iterator[tuple[str, Any]]:
    """Make the knob with each value of each parameter that has a choice."""
    needed = {field.name: 500 for field in _infos(knob) if field.required}
    found = False
    for name, hint in get_type_hints(knob, include_extras=True).items():
        for value in _choices(hint) or _EXAMPLES.get((_tag(knob), name), ()):
            found = True
            yield f"`{name}={_plain(value)}`", knob(**{**needed, name: value})
    if not found:
        yield "", knob(**needed)


def _grouped(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Put variants that lead to the same into one row."""
    groups: dict[tuple[str, str], list[str]] = {}
    for told, http, socket in rows:
        groups.setdefault((http, socket), []).append(told)
    if len(groups) == 1:
        return [("anything", *outcomes) for outcomes in groups]
    return [(", ".join(told), *outcomes) for outcomes, told in groups.items()]


def _outcome(expected: Expectation) -> str:
    kinds = " or ".join(f"`{kind}`" for kind in expected.kinds)
    return f"{kinds}; {' or '.join(expected.stages)}"


def _fields(struct: type[Struct]) -> Iterator[tuple[str, ...]]:
    hints = get_type_hints(struct, include_extras=True)
    docs = _field_docs(struct)
    for info in _infos(struct):
        default = "needed" if info.required else f"`{_plain(_default(info))}`"
        yield f"`{info.name}`", _values(hints[info.name]), default, docs.get(info.name, "")


def _infos(struct: type[Struct]) -> tuple[Any, ...]:
    return msgspec.structs.fields(struct)


def _default(info: Any) -> Any:
    return info.default_factory() if info.default is NODEFAULT else info.default


def _field_docs(struct: type[Struct]) -> dict[str, str]:
    """Read the texts below the fields, which exist in the source alone."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    body = tree.body[0].body  # type: ignore[attr-defined]
    found: dict[str, str] = {}
    for before, after in pairwise(body):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr):
            found[ast.unparse(before.target)] = " ".join(ast.literal_eval(after.value).split())
    return found


def _values(hint: Any) -> str:
    """Say in words what a field may hold."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _bounded(hint)
    if origin in (Union, UnionType):
        return " or ".join(_values(part) for part in get_args(hint))
    if origin is Literal:
        return ", ".join(f"`{_plain(value)}`" for value in get_args(hint))
    return _WORDS.get(hint, getattr(hint, "__name__", "objects"))


def _bounded(hint: Any) -> str:
    kind, *metas = get_args(hint)
    bounds = next((meta for meta in metas if isinstance(meta, Meta)), Meta())
    words = _values(kind)
    if bounds.ge is not None and bounds.le is not None:
        return f"{words}, {bounds.ge} to {bounds.le}"
    return words if bounds.ge is None else f"{words}, at least {bounds.ge}"


def _choices(hint: Any) -> tuple[Any, ...]:
    if hint is bool:
        return (False, True)
    return get_args(hint) if get_origin(hint) is Literal else ()


def _plain(value: Any) -> str:
    """Write a value as in JSON, a text without its quotes."""
    text = msgspec.json.encode(value).decode()
    return text[1:-1] if isinstance(value, str) and value else text


def _first_line(knob: type[Struct]) -> str:
    return " ".join((knob.__doc__ or "").split())


def _tag(knob: type[Struct]) -> str:
    return str(knob.__struct_config__.tag)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple(":--" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in lines)


_EXAMPLES: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("http_status", "code"): (400, 401, 403, 429, 500),
    ("cut", "lines"): (LEAD, LEAD + 1),
    ("ws_drop", "frames"): (LEAD, LEAD + 1),
    ("oversize", "mib"): (LINE_CAP_MIB - 1, LINE_CAP_MIB, FRAME_CAP_MIB),
    ("oversize", "at"): (LEAD, LEAD + 1),
}
"""Values that show what a parameter without a choice decides."""
_WORDS: Mapping[Any, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "`true`, `false`",
    type(None): "nothing",
}

if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write(f"wrote {PAGE}\n")
