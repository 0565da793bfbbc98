"""Removes what belonged to keys that are gone (S13)."""

from typing import Any, Final

import anyio

from grokgate.errors import StoreUnavailable
from grokgate.jobs import Jobs
from grokgate.keys import KeyRing
from grokgate.media import Files, Pictures
from grokgate.objects import ObjectStore

_EVERY_S: Final = 3600.0


class Erasing:
    """Removes jobs, objects, recorded replies, files and media of removed keys.

    Args:
        keys: Knows which keys there are.
        jobs: Those running.
        objects: Of plugins, and recorded replies.
        files: Uploaded ones.
        pictures: Generated ones, videos too.
        log: Told when something has to wait.
    """

    def __init__(
        self,
        keys: KeyRing,
        jobs: Jobs,
        objects: ObjectStore,
        files: Files,
        pictures: Pictures,
        *,
        log: Any,
    ) -> None:
        self._keys = keys
        self._jobs = jobs
        self._objects = objects
        self._files = files
        self._pictures = pictures
        self._log = log

    async def erase(self, key_id: str) -> None:
        """Remove what belongs to a key that has been removed; what cannot be now goes later."""
        try:
            await self._jobs.end_owner(key_id)
            await self._objects.delete_owner(key_id)
            await self._files.delete_owner(key_id)
            await self._pictures.delete_owner(key_id)
        except StoreUnavailable as error:
            self._log.warning("key_not_erased", key_id=key_id, error=type(error).__name__)

    async def run(self) -> None:
        """Remove what was left over, at once and then every hour, until cancelled.

        Keys may be removed while no service runs, and a reply that was on its way may have left
        something behind.
        """
        while True:
            try:
                for key_id in await self._keys.orphans():
                    await self.erase(key_id)
            except StoreUnavailable as error:
                self._log.warning("removed_keys_not_erased", error=type(error).__name__)
            await anyio.sleep(_EVERY_S)
