"""Reads the predecessors' configuration in today's keys (F-MIG-09).

Nothing is changed on disk: a tree goes in, a tree comes out, with a line about every old key that
was found. A target that the operator already set in its new form is never overwritten. Keys that
never had another form pass through.

The predecessors by their dates: *py14* wrote ``data/setting.toml``; *py16* and *py2* wrote a
``config.toml`` with other sections than today's.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

Tree: TypeAlias = dict[str, Any]
Adapt: TypeAlias = Callable[[Any], Any]
"""Old value → new value; ValueError or TypeError where it has none."""


class Converted(Struct, frozen=True, kw_only=True):
    """A tree in today's keys and the report about it. The report never holds a value."""

    tree: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class _Move(Struct, frozen=True):
    old: str
    new: str
    adapt: Adapt | None = None


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError
    return number


def _hours(value: Any) -> float:
    """Seconds → hours, within the limits of today's keys (0.1 to 168)."""
    return min(max(round(_number(value) / 3600, 4), 0.1), 168)


def _inverse(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    if isinstance(value, bool | int):
        return not value
    raise TypeError


def _strategy(value: Any) -> Any:
    return "max_quota" if value == "quota" else value


def _same(section: str, target: str, names: str) -> tuple[_Move, ...]:
    return tuple(_Move(f"{section}.{name}", f"{target}.{name}") for name in names.split())


_SETTING_TOML = (
    _Move("global.base_url", "app.app_url"),
    _Move("global.admin_username", "app.admin_username"),
    _Move("global.admin_password", "app.app_key"),
    _Move("global.image_mode", "app.image_format"),
    _Move("grok.api_key", "app.api_key"),
    _Move("grok.proxy_url", "grok.base_proxy_url"),
    _Move("grok.cache_proxy_url", "grok.asset_proxy_url"),
    _Move("grok.show_thinking", "grok.thinking"),
    _Move("grok.filtered_tags", "grok.filter_tags"),
    _Move("grok.stream_chunk_timeout", "grok.stream_idle_timeout"),
)
_SETTING_TOML_KEPT = {
    "grok.cf_clearance",
    "grok.temporary",
    "grok.dynamic_statsig",
    "grok.stream_total_timeout",
    "grok.retry_status_codes",
}
_CACHE_SIZES = ("global.image_cache_max_size_mb", "global.video_cache_max_size_mb")

_PY16 = (
    *_same(
        "app",
        "grok",
        "stream thinking temporary dynamic_statsig disable_memory custom_instruction filter_tags",
    ),
    *_same(
        "proxy",
        "grok",
        "base_proxy_url asset_proxy_url cf_clearance cf_cookies user_agent",
    ),
    _Move("proxy.browser", "grok.impersonate"),
    *_same("retry", "grok", "max_retry retry_status_codes"),
    _Move("chat.timeout", "grok.timeout"),
    _Move("chat.stream_timeout", "grok.stream_idle_timeout"),
    _Move("asset.concurrent", "performance.assets_max_concurrent"),
    _Move("asset.batch_size", "performance.assets_batch_size"),
    _Move("usage.concurrent", "performance.usage_max_concurrent"),
    _Move("usage.batch_size", "performance.usage_batch_size"),
    _Move("nsfw.concurrent", "performance.nsfw_max_concurrent"),
    _Move("nsfw.batch_size", "performance.nsfw_batch_size"),
    *_same(
        "image",
        "plugins.images_nsfw",
        "final_timeout blocked_grace_seconds medium_min_bytes final_min_bytes nsfw",
    ),
)
_PY2 = (
    *_same(
        "features",
        "grok",
        "temporary stream thinking thinking_summary custom_instruction show_search_sources",
    ),
    _Move("features.memory", "grok.disable_memory", _inverse),
    _Move("features.auto_chat_mode_fallback", "grok.mode_fallback"),
    *_same("features", "app", "image_format video_format"),
    _Move("proxy.egress.proxy_url", "grok.base_proxy_url"),
    _Move("proxy.egress.proxy_pool", "grok.proxy_pool"),
    _Move("proxy.egress.resource_proxy_url", "grok.asset_proxy_url"),
    _Move("proxy.egress.resource_proxy_pool", "grok.asset_proxy_pool"),
    *_same("proxy.clearance", "grok", "cf_cookies user_agent"),
    _Move("proxy.clearance.browser", "grok.impersonate"),
    _Move("account.refresh.basic_interval_sec", "token.refresh_interval_hours", _hours),
    _Move("account.refresh.super_interval_sec", "token.super_refresh_interval_hours", _hours),
    _Move("account.refresh.enabled", "token.auto_refresh"),
    *_same("account.refresh", "token", "on_demand_min_interval_sec"),
    *_same("account.selection", "token", "max_inflight"),
    _Move("account.selection.strategy", "token.selection", _strategy),
    _Move("retry.max_retries", "grok.max_retry"),
    _Move("retry.on_codes", "grok.retry_status_codes"),
    *_same("cache.local", "cache", "image_max_mb video_max_mb"),
    _Move("batch.asset_concurrency", "performance.assets_max_concurrent"),
    _Move("batch.assets_concurrency", "performance.assets_max_concurrent"),
    _Move("batch.media_concurrency", "performance.media_max_concurrent"),
    _Move("batch.nsfw_concurrency", "performance.nsfw_max_concurrent"),
    _Move("batch.refresh_concurrency", "performance.usage_max_concurrent"),
    _Move("batch.usage_concurrency", "performance.usage_max_concurrent"),
)
_UNVERIFIED = (
    "proxy.skip_ssl_verify",
    "proxy.skip_proxy_ssl_verify",
    "proxy.egress.skip_ssl_verify",
)
_DROPPED = {
    "features.imagine_public_image_proxy": "files are always stored",
    "proxy.clearance.mode": "clearance cookies are entered by the operator",
}
_OUTSIDE = ("register.", "flaresolverr.", "token.nsfw_refresh_")


def convert_config(
    tree: Mapping[str, Any], *, aliases: Mapping[str, Sequence[str]] | None = None
) -> Converted:
    """Convert the tree of a ``config.toml``, whichever predecessor wrote it.

    Args:
        tree: As parsed; not changed.
        aliases: Today's keys → their older spellings, which count as set too.
    """
    copy = _copy(tree)
    conversion = _Conversion(copy, copy, aliases or {})
    conversion.refuse_unverified_tls()
    conversion.drop()
    for move in (*_PY16, *_PY2):
        conversion.apply(move)
    return conversion.result()


def convert_setting_toml(tree: Mapping[str, Any]) -> Converted:
    """Convert the tree of a ``setting.toml`` (py14); *tree* is not changed."""
    conversion = _Conversion(_copy(tree), {}, {})
    for move in _SETTING_TOML:
        conversion.apply(move)
    conversion.add_cache_sizes()
    conversion.keep(_SETTING_TOML_KEPT)
    return conversion.result()


class _Conversion:
    """One run: takes leaves out of the old tree and puts them into the new one.

    The two may be the same tree; then what is not taken passes through.
    """

    def __init__(self, old: Tree, new: Tree, aliases: Mapping[str, Sequence[str]]) -> None:
        self._old = old
        self._new = new
        self._aliases = aliases
        self._notes: list[str] = []
        self._warnings: list[str] = []

    def apply(self, move: _Move) -> None:
        """Carry one leaf over, unless it is empty or its target is set."""
        found, value = _take(self._old, move.old)
        if found and value != "":
            self._fill(move.old, move.new, value, move.adapt)

    def add_cache_sizes(self) -> None:
        """Sum the two limits of the old cache."""
        taken = [_take(self._old, name) for name in _CACHE_SIZES]
        sizes = [size for found, size in taken if found]
        if sizes:
            self._fill(" + ".join(_CACHE_SIZES), "cache.limit_mb", sizes, _sum)

    def keep(self, names: Collection[str]) -> None:
        """Pass on the leaves that never changed their name; report the others as unused."""
        for name, value in _leaves(self._old):
            if name in names:
                _put(self._new, name, value)
            else:
                self._notes.append(f"{name} has no counterpart and is not used")

    def refuse_unverified_tls(self) -> None:
        """Drop the switches that turned certificate checks off."""
        for name in _UNVERIFIED:
            found, value = _take(self._old, name)
            if found and value:
                self._warnings.append(
                    f"{name} is ignored: certificates are always checked;"
                    " name further authorities in grok.ca_file"
                )

    def drop(self) -> None:
        """Drop what has no counterpart here, a line each."""
        for name, _ in list(_leaves(self._old)):
            reason = _reason_to_drop(name)
            if reason:
                _take(self._old, name)
                self._notes.append(f"{name} is not used: {reason}")

    def result(self) -> Converted:
        """Return what became of the trees."""
        return Converted(tree=self._new, notes=tuple(self._notes), warnings=tuple(self._warnings))

    def _fill(self, old: str, new: str, value: Any, adapt: Adapt | None) -> None:
        if any(_has(self._new, name) for name in (new, *self._aliases.get(new, ()))):
            self._notes.append(f"{old} is not used: {new} is set")
            return
        try:
            value = value if adapt is None else adapt(value)
        except (TypeError, ValueError, OverflowError):
            self._warnings.append(f"{old} is ignored: its value cannot be read")
            return
        if _put(self._new, new, value):
            self._notes.append(f"{old} is read as {new}")
        else:
            self._warnings.append(f"{old} is ignored: no table can hold {new}")


def _reason_to_drop(name: str) -> str | None:
    return "outside the scope of this program" if name.startswith(_OUTSIDE) else _DROPPED.get(name)


def _sum(sizes: Iterable[Any]) -> int:
    return max(round(sum(map(_number, sizes))), 1)


def _copy(tree: Mapping[str, Any]) -> Tree:
    return {
        name: _copy(value) if isinstance(value, Mapping) else value for name, value in tree.items()
    }


def _leaves(tree: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for part, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{at}{part}.")
        else:
            yield f"{at}{part}", value


def _table(tree: Tree, parts: Sequence[str]) -> Tree | None:
    for part in parts:
        below = tree.get(part)
        if not isinstance(below, dict):
            return None
        tree = below
    return tree


def _has(tree: Tree, name: str) -> bool:
    *parts, last = name.split(".")
    table = _table(tree, parts)
    return table is not None and last in table


def _take(tree: Tree, name: str) -> tuple[bool, Any]:
    """Take a leaf out of *tree*, with the tables that it leaves empty."""
    *parts, last = name.split(".")
    table = _table(tree, parts)
    if table is None or last not in table or isinstance(table[last], dict):
        return False, None
    value = table.pop(last)
    while parts and not table:
        *parts, last = parts
        table = _table(tree, parts)
        assert table is not None
        del table[last]
    return True, value


def _put(tree: Tree, name: str, value: Any) -> bool:
    """Set a leaf; False: a value stands where a table is needed."""
    *parts, last = name.split(".")
    for part in parts:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            return False
        tree = below
    tree[last] = value
    return True
