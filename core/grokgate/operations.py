"""What the command line may ask of the accounts, keys and decisions of a data folder.

The same operations with and without a service: `control` offers those of a running one, `offline`
opens the folder for one command.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import anyio.to_thread
import msgspec
from msgspec import Struct

from grokgate.dispatch.explain import Explainer
from grokgate.doctor import Examiner, Finding, Patients
from grokgate.errors import GatewayError
from grokgate.health import Asked, Health, Live
from grokgate.keys import KeyRing
from grokgate.tokens import ExportForm, ImportMode, TokenStore

Progress: TypeAlias = Callable[[Any], Awaitable[None]]
"""Told what a long operation has done so far, in JSON types; what it raises ends the operation."""


READING = frozenset({"tokens.list", "tokens.show", "keys.list", "explain.model", "explain.request"})
"""Operations that change nothing, ask no upstream and tell no secret."""


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
    ids: tuple[str, ...] | None = None
    """None: all of the pool."""
    pool: str | None = None
    """None: every pool."""


class _Model(Struct, frozen=True, kw_only=True):
    model: str
    key: str | None = None


class _Request(Struct, frozen=True, kw_only=True):
    request_id: str


class _NewKey(Struct, frozen=True, kw_only=True):
    name: str = ""


class _NamedKey(Struct, frozen=True, kw_only=True):
    key: str


class Operations:
    """What the command line may ask for, by name; the same code with and without a service.

    Args:
        tokens: The accounts.
        keys: The API keys.
        live: Of the running service; None: there is none.
        explainer: Tells about decisions; None: that is not asked for here.
        examiner: Tries accounts; None: that is not asked for here.
    """

    def __init__(
        self,
        tokens: TokenStore,
        keys: KeyRing,
        live: Live | None = None,
        explainer: Explainer | None = None,
        examiner: Examiner | None = None,
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._health = Health(tokens, live)
        self._examiner = examiner
        self._table: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "tokens.import": self._import_tokens,
            "tokens.export": self._export_tokens,
            "tokens.list": self._list_tokens,
            "tokens.show": self._show_token,
            "tokens.remove": self._remove_tokens,
            "tokens.disable": self._disable_tokens,
            "tokens.enable": self._enable_tokens,
            "keys.create": self._create_key,
            "keys.list": self._list_keys,
            "keys.revoke": self._revoke_key,
        }
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
            operation = self._table.get(name)
            if operation is None:
                raise OperationFailed(f"unknown operation {name!r}")
            return msgspec.to_builtins(await operation(arguments))
        except (GatewayError, ValueError) as error:
            raise OperationFailed(str(error)) from error

    async def _import_tokens(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Import)
        return await self._tokens.import_text(wanted.text, pool=wanted.pool, mode=wanted.mode)

    async def _export_tokens(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Export)
        # In a thread: a second for 100 000 accounts.
        return {"text": await anyio.to_thread.run_sync(self._tokens.export, wanted.form)}

    async def _list_tokens(self, _arguments: Mapping[str, Any]) -> Any:
        return await self._health.listing()

    async def _show_token(self, arguments: Mapping[str, Any]) -> Any:
        return self._health.show(msgspec.convert(arguments, _One).id)

    async def _refresh_tokens(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        wanted = msgspec.convert(arguments, _Refresh)

        async def report(asked: Asked) -> None:
            await progress(msgspec.to_builtins(asked))

        await self._health.refresh(wanted.ids, pool=wanted.pool, report=report)

    async def _remove_tokens(self, arguments: Mapping[str, Any]) -> Any:
        return await self._tokens.delete(msgspec.convert(arguments, _Chosen).ids)

    async def _disable_tokens(self, arguments: Mapping[str, Any]) -> Any:
        ids = msgspec.convert(arguments, _Chosen).ids
        return await self._tokens.set_enabled(ids, enabled=False)

    async def _enable_tokens(self, arguments: Mapping[str, Any]) -> Any:
        return await self._health.enable(msgspec.convert(arguments, _Chosen).ids)

    async def _create_key(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _NewKey)
        record, key = await self._keys.create(wanted.name)
        return {"record": record, "key": key}

    async def _list_keys(self, _arguments: Mapping[str, Any]) -> Any:
        return self._keys.listing()

    async def _revoke_key(self, arguments: Mapping[str, Any]) -> Any:
        return await self._keys.revoke(msgspec.convert(arguments, _NamedKey).key)


async def _examine(examiner: Examiner, arguments: Mapping[str, Any], progress: Progress) -> None:
    async def report(finding: Finding) -> None:
        await progress(msgspec.to_builtins(finding))

    await examiner.examine(msgspec.convert(arguments, Patients), report)


def _explanations(
    explainer: Explainer,
) -> Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]]:
    async def model(arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Model)
        return await explainer.model(wanted.model, key=wanted.key)

    async def request(arguments: Mapping[str, Any]) -> Any:
        return await explainer.request(msgspec.convert(arguments, _Request).request_id)

    return {"explain.model": model, "explain.request": request}


async def _untold(_done: Any) -> None:
    """Tell nobody."""
