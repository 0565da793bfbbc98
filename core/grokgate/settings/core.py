"""The core's own sections, joined: what several plugins read, and what no plugin could own."""

from typing import Annotated, Final

from grokgate.plugin.records import Settings
from grokgate.settings.app import AppSettings
from grokgate.settings.fields import Declaration, collect_fields, described
from grokgate.settings.grok import GrokSettings
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.media import MEDIA
from grokgate.settings.models import ModelsSettings
from grokgate.settings.observing import OBSERVING
from grokgate.settings.performance import PerformanceSettings
from grokgate.settings.startup import BOOT, OWNER
from grokgate.settings.token import TokenSettings
from grokgate.settings.ui import UiSettings


class UpstreamsSettings(Settings, frozen=True, kw_only=True):
    """Section ``upstreams``."""

    order: Annotated[
        tuple[str, ...],
        described(
            "Order in which upstreams are tried; empty: as loaded.",
            "尝试上游的顺序，留空则按加载顺序。",
        ),
    ] = ()


class CompatSettings(Settings, frozen=True, kw_only=True):
    """Section ``compat``."""

    strict_params: Annotated[
        bool,
        described(
            "Refuse request fields that have no effect instead of ignoring them.",
            "拒绝无效果的请求字段，而不是忽略。",
        ),
    ] = False


CORE: Final = (
    Declaration(OWNER, AppSettings, "app"),
    Declaration(OWNER, GrokSettings, "grok"),
    Declaration(OWNER, TokenSettings, "token"),
    Declaration(OWNER, LimitsSettings, "limits"),
    Declaration(OWNER, PerformanceSettings, "performance"),
    *MEDIA,
    *OBSERVING,
    *BOOT,
    Declaration(OWNER, UpstreamsSettings, "upstreams"),
    Declaration(OWNER, ModelsSettings, "models"),
    Declaration(OWNER, CompatSettings, "compat"),
    Declaration(OWNER, UiSettings, "ui"),
)


def setting_keys(owner: str, section: type[Settings]) -> tuple[str, ...]:
    """Return every key and older spelling that a plugin's section takes.

    Raises:
        PluginError: One of them is the core's, or the section is not well declared.
    """
    fields = collect_fields([*CORE, Declaration(owner, section)], ())
    return tuple(
        key for field in fields.values() if field.owner == owner for key in field.spellings
    )
