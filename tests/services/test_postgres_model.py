"""The token store on PostgreSQL does what a plain dictionary would do."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

from grokgate.storage import Place, open_database
from grokgate.storage.tables import tokens
from grokgate.upstream import Secret
from services.test_token_store_model import TokenStoreMachine as OnSQLite
from services.token_model import READ


class OnPostgreSQL(OnSQLite):
    address: ClassVar[Secret]

    def _make_place(self) -> Place:
        self._run(self._empty())
        return self.address

    async def _empty(self) -> None:
        async with open_database(self.address) as database, database.write() as connection:
            await connection.execute(tokens.delete())

    def _rows(self) -> Iterable[Sequence[Any]]:
        return self._run(self._read())

    async def _read(self) -> Sequence[Sequence[Any]]:
        async with self._database.read() as connection:
            return (await connection.execute(text(READ))).all()


def test_token_store(postgres: Secret) -> None:
    OnPostgreSQL.address = postgres
    few = settings(max_examples=12, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(OnPostgreSQL, settings=few)
