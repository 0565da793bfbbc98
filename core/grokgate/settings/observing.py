"""The core's sections about what is told to other systems: webhooks and traces."""

from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from grokgate.plugin.records import Settings
from grokgate.settings.fields import Declaration, described
from grokgate.settings.startup import OWNER

WebhookEvent: TypeAlias = Literal["pool_low", "account_expired", "incident", "drift", "job_failed"]


def _urls(texts: tuple[str, ...]) -> None:
    """Check the addresses of webhooks."""
    for text in texts:
        if not _is_address(text):
            raise ValueError("must hold addresses such as https://alerts.example/grokgate")


def _endpoint(text: str) -> None:
    """Check the address of a collector."""
    if text and not _is_address(text):
        raise ValueError("must be an address such as http://collector.example:4318")


def _is_address(text: str) -> bool:
    """Tell whether *text* is an http address without user and password."""
    try:
        place = urlsplit(text)
        is_http = place.scheme in {"http", "https"} and bool(place.hostname)
        return is_http and "@" not in place.netloc
    except ValueError:
        return False


class WebhookSettings(Settings, frozen=True, kw_only=True):
    """Section ``webhooks``: who is told when something needs an operator (S21)."""

    urls: Annotated[
        tuple[str, ...],
        described(
            "Addresses that are told of events by signed POST requests; they need a secret.",
            "以签名 POST 请求接收事件通知的地址，需要同时设置 secret。",
            check=_urls,
            secret=True,  # those of chat services are credentials
        ),
    ] = ()
    secret: Annotated[
        str,
        described(
            "Secret with which webhooks are signed; without one none is sent.",
            "Webhook 签名密钥，未设置则不发送。",
            secret=True,
        ),
    ] = ""
    events: Annotated[
        tuple[WebhookEvent, ...],
        described("Events that are told; empty: all.", "要通知的事件，留空表示全部。"),
    ] = ()


class TelemetrySettings(Settings, frozen=True, kw_only=True):
    """Section ``telemetry``."""

    otlp_endpoint: Annotated[
        str,
        described(
            "Base address of an OpenTelemetry collector that takes traces by HTTP; empty: off."
            " Needs the extra grokgate[otel].",
            "以 HTTP 接收跟踪数据的 OpenTelemetry 收集器地址，留空则关闭。"
            "需要安装 grokgate[otel]。",
            startup=True,
            check=_endpoint,
        ),
    ] = ""


OBSERVING: Final = (
    Declaration(OWNER, WebhookSettings, "webhooks"),
    Declaration(OWNER, TelemetrySettings, "telemetry"),
)
