"""What a turn needs of whoever keeps earlier turns: the database, or one WebSocket connection.

One turn uses it in this order:

1. `history` and `items`, while the request is read;
2. `reserve`, before anything is asked of the upstream, where ``store`` is true;
3. `keep` when the turn has ended with an answer, or `forget` when it broke off.

Every method takes the owner, the id of the client's key: what belongs to another key, has expired
or was deleted reads like what never was (S13).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from grokgate.upstream import Blob
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.request.items import Item
from grokgate_responses.request.translate import History


class Keeper(Protocol):
    """Keeps turns for continuation; used from any task of one event loop."""

    async def reserve(self, response_id: str, *, owner: str) -> None:
        """Make sure that a turn can be kept, before any work is done for it.

        The id reads as unknown until `keep`.

        Raises:
            StoreUnavailable: Nothing can be written.
        """
        ...

    async def keep(
        self,
        response: ResponseObject,
        *,
        history: History | None,
        items: tuple[Item, ...],
        blobs: Mapping[str, Blob],
        affinity: str,
        owner: str,
    ) -> bool:
        """Keep a turn that ended with an answer; called whatever ``response.store`` says.

        Args:
            response: As the client will see it.
            history: What the turn continued.
            items: The turn's own input, attachments replaced by ``{"stored": sha256}``.
            blobs: The attachments of *items*, by SHA-256 in hexadecimal.
            affinity: Name of the conversation.
            owner: Id of the client's key.

        Returns:
            Whether the response can be retrieved later: False where ``store`` is false, and where
            it could not be written. The client is told so as ``store``.
        """
        ...

    async def forget(self, response_id: str, *, owner: str) -> None:
        """Give up a reservation; what is unknown is passed over. Raises nothing."""
        ...

    async def history(self, previous_response_id: str, *, owner: str) -> History:
        """Return the context that *previous_response_id* ended with (contract 4.6).

        Raises:
            ObjectNotFound: ``previous_response_not_found``.
            InvalidRequest: That response has no answer to continue.
            StoreUnavailable: Nothing can be read.
        """
        ...

    async def items(self, item_ids: Sequence[str], *, owner: str) -> History:
        """Return the kept items that ``item_reference`` s name; unknown ones are left out.

        Raises:
            StoreUnavailable: Nothing can be read.
        """
        ...
