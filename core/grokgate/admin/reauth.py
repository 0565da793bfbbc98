"""Secrets are shown in clear only to who has just given the password (F-CFG-09)."""

from grokgate.admin.context import Operator
from grokgate.errors import PasswordRequired
from grokgate.gateway import Gateway


async def require_password(gateway: Gateway, operator: Operator) -> None:
    """Let pass who gave the password within the last five minutes, or with this request.

    Raises:
        PasswordRequired: Neither.
    """
    if operator.gave_password:
        return
    if operator.session_id is None or not await gateway.access.is_confirmed(operator.session_id):
        raise PasswordRequired
