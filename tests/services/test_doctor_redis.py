"""What the doctor says of the server by which replicas share their leases, on a real one."""

from collections.abc import Iterator

import pytest
from redis import Redis

from grokgate.doctor import Finding, Words, look_at_redis
from grokgate.scheduler.redis.check import Answer
from grokgate.upstream import Secret
from services.valkey import ValkeyServer, own_valkey

WORDS = Words.load()
PASSWORD = "password-of-this-server"


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with own_valkey() as valkey:
        yield valkey


@pytest.fixture
def operator(server: ValkeyServer) -> Iterator[Redis]:
    """A client that changes how the server is set up; everything is taken back."""
    with Redis.from_url(server.url) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("requirepass", "")


def judged(url: str) -> Finding:
    finding = look_at_redis(Secret(url))
    assert WORDS.say(finding, "en")
    assert WORDS.say(finding, "zh")
    return finding


def test_good_server_is_named_with_its_latency(server: ValkeyServer) -> None:
    finding = judged(server.url)

    assert (finding.code, finding.level) == ("redis", "ok")
    assert finding.values["name"].startswith("Valkey ")
    assert float(finding.values["latency_ms"]) > 0


def test_server_that_forgets_is_told_what_to_be_set_to(
    server: ValkeyServer, operator: Redis
) -> None:
    operator.config_set("maxmemory-policy", "allkeys-lru")

    finding = judged(server.url)

    assert (finding.code, finding.level) == ("redis_evicts", "attention")
    assert "allkeys-lru" in WORDS.say(finding, "en")
    assert "noeviction" in WORDS.remedy(finding, "zh")


def test_refused_password_is_not_called_an_outage(server: ValkeyServer, operator: Redis) -> None:
    operator.config_set("requirepass", PASSWORD)

    finding = judged(server.url)

    assert (finding.code, finding.level) == ("redis_refused", "attention")
    assert "refuses the user or the password" in finding.values["reason"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"unix://:{PASSWORD}@/nowhere/at-all.sock", "does not answer"),
        (f"{PASSWORD}@host.example", "not the address of a server"),
    ],
)
def test_reason_holds_nothing_of_the_address(url: str, said: str) -> None:
    finding = judged(url)

    assert (finding.code, finding.level) == ("redis_refused", "attention")
    assert said in finding.values["reason"]
    assert PASSWORD not in finding.values["reason"]


@pytest.mark.parametrize(
    ("version", "new_enough"), [("6.0.20", False), ("6.2.0", True), ("7.2.4", True), ("10.0", True)]
)
def test_age_is_read_from_the_version(version: str, *, new_enough: bool) -> None:
    answer = Answer(name="Redis", speaks=version, policy="", latency_ms=0.1)

    assert answer.is_new_enough is new_enough
