"""What the values of a setting may be, and the lenient reading of them (F-CFG-04).

The layers carry raw values: TOML values, texts of environment variables, JSON values. `convert`
turns each into the declared type or says in one sentence what is wrong, never repeating the value,
which may be a secret.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Struct, inspect

Kind: TypeAlias = Literal["bool", "int", "float", "text", "choice", "list", "map"]
Number: TypeAlias = int | float

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}
_LISTS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
_KINDS: tuple[tuple[tuple[type, ...], Kind], ...] = (
    ((inspect.BoolType,), "bool"),
    ((inspect.IntType,), "int"),
    ((inspect.FloatType,), "float"),
    ((inspect.StrType,), "text"),
    ((inspect.LiteralType, inspect.EnumType), "choice"),
    (_LISTS, "list"),
    ((inspect.DictType, inspect.StructType), "map"),
)
_MASK = "…"
_SHOWN, _SHORTEST_SHOWN = 6, 16
_EXACT = 2**53


class BadValueError(ValueError):
    """A value that does not fit; the message completes the sentence "<key>: …"."""


class Rule(Struct, frozen=True, kw_only=True):
    """What the values of one field may be."""

    type: Any
    """The annotation of the field, as msgspec takes it."""
    kind: Kind
    minimum: Number | None = None
    maximum: Number | None = None
    open_minimum: bool = False
    """True: the minimum itself is not allowed."""
    open_maximum: bool = False
    choices: tuple[Any, ...] = ()
    synonyms: Mapping[str, Any] = {}
    """Other words for a value, lower case."""
    clamp: bool = False
    """True: a number outside its limits counts as the nearest limit."""
    check: Callable[[Any], object] | None = None
    """Raises ValueError, without repeating the value; the message of another error is not shown."""


def rule_of(annotation: Any, extra: Mapping[str, Any]) -> Rule:
    """Read the rule of a field from its annotation and the ``extra`` of its `msgspec.Meta`.

    Raises:
        TypeError: The type has no form in TOML that `convert` could read.
    """
    node = _inner(inspect.type_info(annotation))
    return Rule(
        type=annotation,
        kind=_kind(node),
        minimum=_limit(node, "ge", "gt"),
        maximum=_limit(node, "le", "lt"),
        open_minimum=_limit(node, "gt") is not None,
        open_maximum=_limit(node, "lt") is not None,
        choices=_choices(annotation, node),
        synonyms=extra.get("synonyms", {}),
        clamp=extra.get("clamp", False),
        check=extra.get("check"),
    )


def convert(raw: Any, rule: Rule) -> Any:
    """Turn a raw value into one of the declared type.

    ``"true"``, ``1``, ``"120"`` and comma text for lists are understood; lists and maps may also be
    JSON text.

    Raises:
        BadValueError: Says what is wrong with it.
    """
    if isinstance(raw, str):
        raw = rule.synonyms.get(raw.strip().lower(), raw)
    try:
        soft = _soften(raw, inspect.type_info(rule.type))
        value = msgspec.convert(_clamped(soft, rule), rule.type, strict=False)
    except BadValueError:
        raise
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise BadValueError(_sentence(error)) from None
    if not _finite(value):
        raise BadValueError("must be a finite number")
    return _checked(value, rule)


def plain(value: Any) -> Any:
    """Return *value* as TOML and JSON know it: sequences are lists, 120.0 is written 120.

    TOML has no null: what a record does not say is left out.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return _listed(msgspec.to_builtins(value))


def mask(secret: str) -> str:
    """Return what answers show of a secret: "…" and at most its last 6 characters (F-GEN-14)."""
    return _MASK + (secret[-_SHOWN:] if len(secret) >= _SHORTEST_SHOWN else "")


def unmask(raw: Any, current: Any) -> Any:
    """Put the stored secret, or stored list item, where *raw* repeats its mask (F-CFG-05).

    Raises:
        BadValueError: A mask of something else, or of several items that it cannot tell apart.
    """
    if isinstance(current, list | tuple):
        return _unmask_items(raw, current)
    if isinstance(raw, str) and isinstance(current, str):
        return current if current and raw == mask(current) else _no_mask(raw)
    return raw


def _unmask_items(raw: Any, current: list[Any] | tuple[Any, ...]) -> Any:
    try:
        items = _items(raw)
    except msgspec.MsgspecError:
        return raw
    stored: dict[Any, list[str]] = defaultdict(list)
    for item in current:
        stored[mask(item)].append(item)
    masks = {item for item in items if isinstance(item, str) and item in stored}
    for item in masks:
        if len(set(stored[item])) > 1 and items.count(item) != len(stored[item]):
            raise BadValueError("some of these look alike; write every one of them in full")
    meant = {item: cycle(stored[item]) for item in masks}
    return [next(meant[item]) if item in masks else _no_mask(item) for item in items]


def _no_mask(raw: Any) -> Any:
    """Refuse the mask of something that is not stored any more: it is no secret itself."""
    if isinstance(raw, str) and raw.startswith(_MASK):
        raise BadValueError("is the mask of another value; write it in full")
    return raw


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _listed(part) for name, part in value.items() if part is not None}
    return [_listed(part) for part in value] if isinstance(value, list | tuple) else value


def _inner(node: inspect.Type) -> inspect.Type:
    """Look through `Meta` and ``X | None``."""
    if isinstance(node, inspect.Metadata):
        return _inner(node.type)
    if isinstance(node, inspect.UnionType):
        some = [part for part in node.types if not isinstance(part, inspect.NoneType)]
        return _inner(some[0]) if len(some) == 1 else node
    return node


def _kind(node: inspect.Type) -> Kind:
    for types, kind in _KINDS:
        if isinstance(node, types):
            return kind
    raise TypeError(f"a setting cannot be of type {type(node).__name__.removesuffix('Type')}")


def _choices(annotation: Any, node: inspect.Type) -> tuple[Any, ...]:
    """Return the choices in the order declared; msgspec sorts them."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(getattr(node, "values", ()))


def _limit(node: inspect.Type, *names: str) -> Number | None:
    limits = (getattr(node, name, None) for name in names)
    return next((limit for limit in limits if limit is not None), None)


def _soften(value: Any, node: inspect.Type) -> Any:
    """Bring *value* nearer to *node*, leaving what cannot be helped for msgspec to refuse."""
    if value is None:
        return None
    node = _inner(node)
    match node:
        case inspect.BoolType():
            return _WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value
        case inspect.IntType() | inspect.FloatType():
            return value.strip() if isinstance(value, str) else value
        case inspect.StrType():
            return str(value) if type(value) is int else value
        case inspect.LiteralType():
            return _choice(value, node.values)
        case inspect.DictType():
            return _soft_map(value, node)
        case _ if isinstance(node, _LISTS):
            return [_soften(item, node.item_type) for item in _items(value)]
    return value


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    wanted = str(value).strip().lower()
    for choice in choices:
        if str(choice).lower() == wanted:
            return choice
    raise BadValueError("must be one of " + ", ".join(map(str, choices)))


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            return list(msgspec.json.decode(value, type=list[Any]))
        return [item.strip() for item in value.split(",") if item.strip()]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _soft_map(value: Any, node: inspect.DictType) -> Any:
    if isinstance(value, str):
        value = msgspec.json.decode(value)
    if not isinstance(value, Mapping):
        return value
    return {key: _soften(item, node.value_type) for key, item in value.items()}


def _clamped(value: Any, rule: Rule) -> Any:
    if not rule.clamp:
        return value
    number: Number = msgspec.convert(value, int if rule.kind == "int" else float, strict=False)
    if rule.minimum is not None:
        number = max(number, rule.minimum)
    return number if rule.maximum is None else min(number, rule.maximum)


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, list | tuple | set | frozenset) or all(map(_finite, value))


def _checked(value: Any, rule: Rule) -> Any:
    if rule.check is not None:
        try:
            rule.check(value)
        except ValueError as error:
            raise BadValueError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - a fence: a plugin's code met an operator's value
            raise BadValueError(f"is refused ({type(error).__name__})") from None
    return value


def _sentence(error: Exception) -> str:
    """Return the words of msgspec, whose other errors could repeat a value."""
    if not isinstance(error, msgspec.ValidationError):
        return "cannot be read"
    return str(error).replace("`", "").replace(" - at $", " at ").replace("Expected", "expected")
