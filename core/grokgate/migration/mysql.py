"""Reads a MySQL or MariaDB database of tq or py2."""

import ssl
from contextlib import closing
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from grokgate.legacy.stores import Row
from grokgate.migration.found import Found
from grokgate.migration.servers import driver, refused
from grokgate.migration.tables import TABLES, found_in

_CONNECT_S: Final = 15
_READ_S: Final = 300
_UNENCRYPTED: Final = frozenset({"disabled", "disable", "false", "0", "no", "off"})


def read_mysql(url: str) -> Found:
    """Read the tables at *url*; ``unix_socket``, ``ssl-mode`` and ``ssl-ca`` may be parameters.

    Raises:
        StartupError: The driver is missing, or the database cannot be read.
    """
    driver("pymysql", extra="mysql")
    import pymysql  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, without types
    from pymysql.cursors import DictCursor  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        with (
            closing(pymysql.connect(cursorclass=DictCursor, **connection_of(url))) as connection,
            connection.cursor() as cursor,
        ):
            tables: dict[str, list[Row]] = {}
            for name in TABLES:
                cursor.execute("SHOW TABLES LIKE %s", (name,))
                if cursor.fetchone():
                    cursor.execute(f"SELECT * FROM `{name}`")  # noqa: S608 - one of TABLES
                    tables[name] = list(cursor.fetchall())
    except (pymysql.MySQLError, OSError, ValueError, RuntimeError) as error:
        raise refused(url, error) from error
    return found_in("mysql", tables)


def connection_of(url: str) -> dict[str, Any]:
    """Return the arguments of a connection to *url*.

    Raises:
        ValueError: Its port is none.
        OSError: The file of ``ssl-ca`` cannot be read.
    """
    parts = urlsplit(url)
    asked = {name.lower(): values[-1] for name, values in parse_qs(parts.query).items()}
    mode = asked.get("ssl-mode", asked.get("ssl", "disabled" if "ssl-ca" not in asked else ""))
    encrypted = mode.lower() not in _UNENCRYPTED
    return {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.lstrip("/")) or None,
        "unix_socket": asked.get("unix_socket"),
        "charset": "utf8mb4",
        "connect_timeout": _CONNECT_S,
        "read_timeout": _READ_S,
        "ssl": ssl.create_default_context(cafile=asked.get("ssl-ca")) if encrypted else None,
    }
