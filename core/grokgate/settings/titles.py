"""Names of the sections as the admin page shows them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_TITLES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "app": ("Access", "访问"),
        "grok": ("Upstream and answers", "上游与回答"),
        "token": ("Accounts", "账号"),
        "limits": ("Limits", "限制"),
        "performance": ("Parallel work", "并发"),
        "cache": ("Media cache", "媒体缓存"),
        "files": ("Links and files", "链接与文件"),
        "quota": ("Days", "日界"),
        "log": ("Log", "日志"),
        "server": ("Server", "服务器"),
        "storage": ("Storage", "存储"),
        "plugins": ("Plugins", "插件"),
        "upstreams": ("Upstreams", "上游顺序"),
        "models": ("Models", "模型"),
        "compat": ("Compatibility", "兼容性"),
        "webhooks": ("Webhooks", "Webhook"),
        "telemetry": ("Telemetry", "遥测"),
        "ui": ("Admin page", "管理页面"),
        "images": ("Pictures", "图片"),
        "imagine_fast": ("Fast pictures", "快速图片"),
        "responses": ("Responses", "Responses"),
        "messages": ("Messages", "Messages"),
        "plugins.images_nsfw": ("Adult pictures", "NSFW 图片"),
        "downstream": ("Endpoints", "端点开关"),
    }
)


def title(section: str) -> dict[str, str]:
    """Return the name of *section* by language; one that nobody named is shown as it is written."""
    en, zh = _TITLES.get(section, (section, section))
    return {"en": en, "zh": zh}
