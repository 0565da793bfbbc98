"""Types of columns that hold and sort the same in SQLite and PostgreSQL."""

from typing import Any, Final

from sqlalchemy import BigInteger, TypeDecorator
from sqlalchemy import Integer as AnyInteger
from sqlalchemy import String as AnyString


class _PostgresText(TypeDecorator[str]):
    """Text that sorts by code points, as SQLite does, whatever the server's language is."""

    impl = AnyString(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        # PostgreSQL takes no NUL, and one row with it would hold up all that are written with it.
        return value.replace("\0", "�") if value else value


String: Final = AnyString().with_variant(_PostgresText(), "postgresql")
Integer: Final = AnyInteger().with_variant(BigInteger(), "postgresql")
"""64 bits in both."""
