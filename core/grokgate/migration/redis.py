"""Reads a Redis or Valkey database of tq or py2.

```text
grok2api:pools           set: names of pools        accounts:record:<token>   hash: an account
grok2api:pool:<pool>     set: its tokens            config:user               hash: a.b.c → JSON
grok2api:token:<token>   hash: an account
grok2api:config          hash: section.key → JSON
```
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from grokgate.legacy.stores import Row, config_tree, py2_record, tq_record
from grokgate.migration.found import Found, OldConfig, token_files
from grokgate.migration.servers import driver, refused

_CONNECT_S: Final = 15
_READ_S: Final = 60
_PORTION: Final = 1000
_TQ: Final = "grok2api:"
_PY2: Final = "accounts:record:"


def read_redis(url: str) -> Found:
    """Read the hashes and sets at *url*.

    Raises:
        StartupError: The driver is missing, or the database cannot be read.
    """
    driver("redis", extra="redis")
    import redis  # noqa: PLC0415 - an extra

    try:
        with redis.Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_READ_S,
        ) as client:
            return _found(client)
    except (redis.RedisError, OSError, ValueError) as error:
        raise refused(url, error) from error


def _found(client: Any) -> Found:
    accounts = [py2_record(row) for row in _py2_rows(client)]
    live = [record for record in accounts if record is not None]
    entries = {**client.hgetall(f"{_TQ}config"), **client.hgetall("config:user")}
    tree = config_tree(entries.items())
    gone = len(accounts) - len(live)
    return Found(
        files=(
            *token_files("redis/tokens", map(tq_record, _tq_rows(client))),
            *token_files("redis/accounts", live),
        ),
        config=OldConfig(tree=tree) if tree else None,
        remarks=(f"redis/accounts: deleted there and not taken: {gone}",) if gone else (),
    )


def _tq_rows(client: Any) -> Iterator[Row]:
    for pool in sorted(client.smembers(f"{_TQ}pools")):
        tokens = sorted(client.smembers(f"{_TQ}pool:{pool}"))
        hashes = _hashes(client, [f"{_TQ}token:{token}" for token in tokens])
        for token, fields in zip(tokens, hashes, strict=True):
            yield {"token": token, **fields, "pool_name": pool}


def _py2_rows(client: Any) -> Iterator[Row]:
    keys = sorted(set(client.scan_iter(f"{_PY2}*", count=_PORTION)))
    for key, fields in zip(keys, _hashes(client, keys), strict=True):
        yield {**fields, "token": key.removeprefix(_PY2)}


def _hashes(client: Any, keys: Sequence[str]) -> Iterator[Row]:
    for start in range(0, len(keys), _PORTION):
        with client.pipeline(transaction=False) as pipe:
            for key in keys[start : start + _PORTION]:
                pipe.hgetall(key)
            yield from pipe.execute()
