"""What the command line may ask of the accounts, keys and decisions of a data folder.

The same operations with and without a service: `control` offers those of a running one, `offline`
opens the folder for one command.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import anyio.to_thread
import msgspec
from msgspec import Raw, Struct, structs

from grokgate.chores import Chores, Event, Item
from grokgate.chores.events import Done
from grokgate.dispatch.explain import Explainer
from grokgate.doctor import Examiner, Finding, Patients
from grokgate.errors import GatewayError, StateError
from grokgate.health import Asked, Health, Live
from grokgate.keys import KeyRing
from grokgate.keys.commands import Erase, key_commands, left_over
from grokgate.refresh.survey import ASKABLE
from grokgate.rotation import Resealed, Rotation
from grokgate.storage.acting import Act, acting
from grokgate.tokens import ExportForm, ImportMode, TokenStore

Progress: TypeAlias = Callable[[Any], Awaitable[None]]
"""Told what a long operation has done so far, in JSON types; what it raises ends the operation."""
Operation: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Takes arguments in JSON types."""


READING = frozenset({"tokens.list", "tokens.show", "keys.list", "explain.model", "explain.request"})
"""Operations that change nothing, ask no upstream and tell no secret."""


_EXAMPLES: Final = 5
"""Accounts that a terminal shows for each reason to be out."""


class OperationFailed(Exception):
    """The operation was refused; the message is for the operator's terminal."""


class _Import(Struct, frozen=True, kw_only=True):
    text: str
    pool: str | None = None
    mode: ImportMode = "add"


class _Export(Struct, frozen=True, kw_only=True):
    form: ExportForm = "a"


class _Chosen(Struct, frozen=True, kw_only=True):
    ids: tuple[str, ...]


class _One(Struct, frozen=True, kw_only=True):
    id: str


class _Refresh(Struct, frozen=True, kw_only=True):
    """Also which accounts a chore is for."""

    ids: tuple[str, ...] | None = None
    """None: all of the pool."""
    pool: str | None = None
    """None: every pool."""


class _Chore(_Refresh, frozen=True, kw_only=True):
    kind: str


class _Model(Struct, frozen=True, kw_only=True):
    model: str
    key: str | None = None


class _Request(Struct, frozen=True, kw_only=True):
    request_id: str


class _Rotate(Struct, frozen=True, kw_only=True):
    resume: bool = False
    """True: with the key of a rotation that was interrupted."""


class Operations:
    """What the command line may ask for, by name; the same code with and without a service.

    Args:
        tokens: The accounts.
        keys: The API keys.
        live: Of the running service; None: there is none.
        explainer: Tells about decisions; None: that is not asked for here.
        examiner: Tries accounts; None: that is not asked for here.
        chores: Work on many accounts; None: no service runs.
        reset_password: Takes the admin password back and returns the new set-up link, or None
            where the next start makes it; None: that is not asked for here.
        rotation: Gives what is sealed a new key; None: that is not asked for here.
        migrate: Takes over what was read from a predecessor; None: that is not asked for here.
        erase: Removes what belonged to a removed key; default: the service does when it starts.
    """

    def __init__(
        self,
        tokens: TokenStore,
        keys: KeyRing,
        live: Live | None = None,
        explainer: Explainer | None = None,
        examiner: Examiner | None = None,
        *,
        chores: Chores | None = None,
        reset_password: Callable[[], Awaitable[str | None]] | None = None,
        rotation: Rotation | None = None,
        migrate: Operation | None = None,
        erase: Erase = left_over,
    ) -> None:
        self._tokens = tokens
        self._chores = chores
        self._health = Health(tokens, live)
        self._examiner = examiner
        self._rotation = rotation
        self._table: Mapping[str, Operation] = {
            "tokens.import": self._import_tokens,
            "tokens.export": self._export_tokens,
            "tokens.list": self._list_tokens,
            "tokens.show": self._show_token,
            "tokens.remove": self._remove_tokens,
            "tokens.disable": self._disable_tokens,
            "tokens.enable": self._enable_tokens,
            **key_commands(keys, erase),
        }
        if reset_password is not None:
            self._table = {**self._table, "admin.reset_password": _resetting(reset_password)}
        if migrate is not None:
            self._table = {**self._table, "migrate": migrate}
        if explainer is not None:
            self._table = {**self._table, **_explanations(explainer)}

    async def run(
        self, name: str, arguments: Mapping[str, Any], progress: Progress | None = None
    ) -> Any:
        """Run operation *name*; the result consists of JSON types.

        Raises:
            OperationFailed: No such operation, or it was refused.
        """
        try:
            if name == "tokens.refresh":
                return await self._refresh_tokens(arguments, progress or _untold)
            if name == "doctor" and self._examiner is not None:
                return await _examine(self._examiner, arguments, progress or _untold)
            if name == "tokens.chore":
                with acting(_act(name, arguments)):
                    return await self._work_on_tokens(arguments, progress or _untold)
            if name == "secrets.rotate" and self._rotation is not None:
                with acting(_act(name, arguments)):
                    return await _rotate(self._rotation, arguments, progress or _untold)
            operation = self._table.get(name)
            if operation is None:
                raise OperationFailed(f"unknown operation {name!r}")
            with acting(_act(name, arguments)):
                return msgspec.to_builtins(await operation(arguments))
        except (GatewayError, StateError, ValueError) as error:
            raise OperationFailed(str(error)) from error

    async def _import_tokens(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Import)
        return await self._tokens.import_text(
            wanted.text, pool=wanted.pool, mode=wanted.mode, plausible=True
        )

    async def _export_tokens(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Export)
        await self._tokens.note_export()
        # In a thread: a second for 100 000 accounts.
        return {"text": await anyio.to_thread.run_sync(self._tokens.export, wanted.form)}

    async def _list_tokens(self, _arguments: Mapping[str, Any]) -> Any:
        return self._health.listing()

    async def _show_token(self, arguments: Mapping[str, Any]) -> Any:
        return self._health.show(msgspec.convert(arguments, _One).id)

    async def _refresh_tokens(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        wanted = msgspec.convert(arguments, _Refresh)

        async def report(asked: Asked) -> None:
            await progress(msgspec.to_builtins(asked))

        await self._health.refresh(wanted.ids, pool=wanted.pool, report=report)

    async def _work_on_tokens(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """Carry out a chore; whoever asked and leaves ends it."""
        wanted = msgspec.convert(arguments, _Chore)
        if self._chores is None:
            raise ValueError("only a running service can ask accounts: grokgate serve")
        items = [Item(token, token) for token in self._chosen(wanted)]
        task = await self._chores.start(wanted.kind, items, actor="command")
        try:
            async with aclosing(task.listen()) as events:
                async for event in events:
                    await progress(_told(event))
        finally:
            task.cancel()

    def _chosen(self, wanted: _Refresh) -> list[str]:
        """Return the ids of the accounts that are meant.

        Raises:
            ValueError: There are none.
        """
        if wanted.ids is not None:
            return list(dict.fromkeys(wanted.ids))
        views = self._tokens.listing(pool=wanted.pool)
        usable = [view.id for view in views if view.state.status in ASKABLE]
        if not usable:
            place = f" in the pool {wanted.pool!a}" if wanted.pool else ""
            raise ValueError(f"there is no usable account{place}")
        return usable

    async def _remove_tokens(self, arguments: Mapping[str, Any]) -> Any:
        return await self._tokens.delete(msgspec.convert(arguments, _Chosen).ids)

    async def _disable_tokens(self, arguments: Mapping[str, Any]) -> Any:
        ids = msgspec.convert(arguments, _Chosen).ids
        return await self._tokens.set_enabled(ids, enabled=False)

    async def _enable_tokens(self, arguments: Mapping[str, Any]) -> Any:
        return await self._health.enable(msgspec.convert(arguments, _Chosen).ids)


def _act(name: str, arguments: Mapping[str, Any]) -> Act | None:
    """Return what the audit trail is told of a change; of what only reads, nothing (F-LOG-07)."""
    if name in READING:
        return None
    act, ids = Act(actor="command", action=name), arguments.get("ids")
    if isinstance(ids, Sequence):
        act.target = f"{len(ids)} accounts"
    return act


def _resetting(reset_password: Callable[[], Awaitable[str | None]]) -> Operation:
    async def reset(_arguments: Mapping[str, Any]) -> Any:
        return {"link": await reset_password()}

    return reset


async def _examine(examiner: Examiner, arguments: Mapping[str, Any], progress: Progress) -> None:
    async def report(finding: Finding) -> None:
        await progress(msgspec.to_builtins(finding))

    await examiner.examine(msgspec.convert(arguments, Patients), report)


async def _rotate(rotation: Rotation, arguments: Mapping[str, Any], progress: Progress) -> Any:
    async def report(done: Resealed) -> None:
        await progress(msgspec.to_builtins(done))

    resume = msgspec.convert(arguments, _Rotate).resume
    done = await (rotation.reseal(report) if resume else rotation.rotate(report))
    return msgspec.to_builtins(done)


def _explanations(explainer: Explainer) -> Mapping[str, Operation]:
    async def model(arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Model)
        return await explainer.model(wanted.model, key=wanted.key, examples=_EXAMPLES)

    async def request(arguments: Mapping[str, Any]) -> Any:
        return await explainer.request(msgspec.convert(arguments, _Request).request_id)

    return {"explain.model": model, "explain.request": request}


def _told(event: Event) -> Any:
    """Return an event of a chore without its result, of which every part was told."""
    if isinstance(event, Done):
        event = structs.replace(event, result=Raw(b"null"))
    return msgspec.json.decode(msgspec.json.encode(event))


async def _untold(_done: Any) -> None:
    """Tell nobody."""
