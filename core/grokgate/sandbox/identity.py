"""Who an account is and what its plan offers (upstream-protocol.md 1.7, 3.6)."""

from typing import Any

from grokgate.sandbox.accounts import Account
from grokgate.sandbox.catalogue import Model, allows
from grokgate.sandbox.encode_http import stamp
from grokgate.sandbox.request import Answered, json_reply
from grokgate.sandbox.routes import FREE, G2_G3, Route
from grokgate.sandbox.world import Visit


async def session(visit: Visit) -> Answered:
    """Tell whether the session lives; a dead one is told with status 200."""
    account = visit.account
    if account.unread is not None:
        reply, account.unread = account.unread, None
        return reply
    match account.fixture.status:
        case "ok":
            return json_reply(_authenticated(account))
        case "expired":
            return json_reply({"status": "unauthenticated"})
        case _:
            return json_reply({"status": "blocked"})


async def user(visit: Visit) -> Answered:
    """Describe the account's owner."""
    account = visit.account
    return json_reply(
        {
            "userId": account.user_id,
            "email": account.email,
            "givenName": "Sandbox",
            "familyName": account.fixture.tier.capitalize(),
            "xUsername": "",
            "xSubscriptionType": "",
            "createTime": stamp(visit.world.clock.now()),
        }
    )


async def modes(visit: Visit) -> Answered:
    """List the modes, and which of them need another plan."""
    listed = visit.world.catalogue.tables[visit.account.modes_protocol].model
    return json_reply(
        {"modes": [_mode(visit.account, model) for model in listed], "defaultModeId": "auto"}
    )


def _authenticated(account: Account) -> dict[str, Any]:
    own = {"email": account.email}
    return {
        "status": "authenticated",
        "session": {"userId": account.user_id, **own, "organizationId": ""},
        "user": {"id": account.user_id, **own, "teamId": ""},
    }


def _mode(account: Account, model: Model) -> dict[str, Any]:
    return {
        "id": model.name,
        "title": model.title,
        "description": model.description,
        "badgeText": "",
        "availability": _availability(account, model),
    }


def _availability(account: Account, model: Model) -> dict[str, Any]:
    if allows(account.fixture.tier, model.tier):
        return {"available": {}}
    return {
        "requiresUpgrade": {
            "message": "Upgrade to SuperGrok",
            "minimumSubscriptionTier": _PLANS[model.tier],
        }
    }


_PLANS = {
    "basic": "SUBSCRIPTION_TIER_FREE",
    "super": "SUBSCRIPTION_TIER_SUPER_GROK",
    "heavy": "SUBSCRIPTION_TIER_SUPER_GROK_HEAVY",
}


ROUTES = (
    Route("modes", "POST", "/rest/modes", modes, protocols=G2_G3, referers=("/",)),
    Route("user", "GET", "/rest/auth/get-user", user, referers=("/",)),
    Route("session", "GET", "/api/auth/session", session, headers=FREE, statsig=False, alive=False),
)
