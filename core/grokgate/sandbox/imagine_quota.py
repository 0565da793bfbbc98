"""``POST /rest/media/imagine/quota_info``: what pictures and videos have left (protocol 4.5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from grokgate.sandbox.accounts import QuotaWindow
from grokgate.sandbox.encode_http import stamp
from grokgate.sandbox.faults_rest import QuotaJson
from grokgate.sandbox.quota import odd_reply
from grokgate.sandbox.request import Answered, json_reply
from grokgate.sandbox.routes import G3, Route
from grokgate.sandbox.world import Visit


async def quota_info(visit: Visit) -> Answered:
    """Tell all products at once; one that the plan does not offer is null."""
    now = visit.world.clock.now()
    knob = next((action for action in visit.actions if isinstance(action, QuotaJson)), None)
    offered = visit.account.imagine
    if knob is not None and knob.form == "null_products":
        offered = {}
    products = {
        key: None if (window := offered.get(name)) is None else _product(window, now)
        for key, name in _PRODUCTS.items()
    }
    return json_reply(products) if knob is None else odd_reply(products, knob)


def _product(window: QuotaWindow, now: datetime) -> dict[str, Any]:
    epoch_s = now.timestamp()
    window.settle(epoch_s)
    if window.remaining:
        return {
            "available": True,
            "remainingQueries": window.remaining,
            "windowSizeSeconds": window.window_s,
        }
    again = now.astimezone(UTC) + timedelta(seconds=window.wait_s(epoch_s))
    return {"available": False, "nextAvailableAt": stamp(again)}


ROUTES = (
    Route(
        "imagine_quota",
        "POST",
        "/rest/media/imagine/quota_info",
        quota_info,
        protocols=G3,
        referers=("/imagine",),
    ),
)
_PRODUCTS = {
    "image": "image",
    "imageEdit": "image_edit",
    "imagePro": "image_pro",
    "video": "video",
    "video720p": "video_720p",
}
