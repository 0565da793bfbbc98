"""What was taken over from a predecessor's data folder (F-MIG-07)."""

from typing import Final

from litestar import get

from grokgate.admin.context import CurrentGateway
from grokgate.adoption import AdoptionReport


@get("/adoption", summary="Tell what was taken over from a predecessor")
async def get_adoption(gateway: CurrentGateway) -> AdoptionReport:
    """Return the report of every file that was read, of earlier starts too."""
    return gateway.adoption.report


HANDLERS: Final = (get_adoption,)
