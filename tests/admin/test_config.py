"""The settings through the admin API (F-CFG-05 to F-CFG-09, S14, S18)."""

import tomllib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from msgspec import Meta

from grokgate.plugin import Settings, hookimpl
from grokgate.settings.values import mask
from grokgate.testing import running_gateway
from grokgate.testing.gateway import RunningGateway

pytestmark = pytest.mark.anyio
KEY = "sk-0123456789abcdef"


class HaikuSettings(Settings, frozen=True, kw_only=True):
    lines: Annotated[int, Meta(ge=1, le=9, description="Lines.", extra={"zh": "行数。"})] = 3
    browser: Annotated[
        str,
        Meta(description="Browser.", extra={"key": "grok.impersonate", "alias": "wreq_emulation"}),
    ] = "chrome136"


class Haiku:
    """A third-party plugin that has settings."""

    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return HaikuSettings


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway for what is looked at or refused."""
    del anyio_backend
    async with running_gateway(Haiku()) as gw:
        yield gw


async def give_password(running: RunningGateway) -> None:
    """Note that every operator has just given the password."""
    for session in running.gateway.access.sessions.listing():
        await running.gateway.access.confirm(session.id)


async def fields(admin: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    schema = (await admin.get("/config/schema")).json()
    return {field["key"]: field for part in schema["sections"] for field in part["fields"]}


async def audit_lines(admin: httpx.AsyncClient) -> list[tuple[str, str]]:
    lines = (await admin.get("/audit")).json()["lines"]
    return [(line["action"], line["target"]) for line in lines]


async def test_whole_tree_is_returned_with_secrets_masked() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        await gw.change(app={"api_key": [KEY]})
        tree = (await admin.get("/config")).json()

    assert tree["app"]["api_key"] == [mask(KEY)]
    assert tree["plugins"]["haiku"]["lines"] == 3
    assert tree["grok"]["wreq_emulation"] == tree["grok"]["impersonate"] == "chrome136"
    assert tree["downstream"]["enable_files"] is True


async def test_change_is_merged_saved_and_in_force() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        reply = await admin.post("/config", json={"grok": {"timeout": "90"}})
        text = gw.gateway.settings.path.read_text()

        assert reply.status_code == 200
        assert reply.json()["status"] == "success"
        assert "warnings" not in reply.json()
        assert tomllib.loads(text) == {"grok": {"timeout": 90}}
        assert gw.gateway.settings.snapshot.grok.timeout == 90


async def test_old_spelling_may_be_posted_and_two_that_differ_are_refused() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        await admin.post("/config", json={"grok": {"wreq_emulation": "chrome131"}})
        both = {"grok": {"wreq_emulation": "chrome120", "impersonate": "chrome124"}}
        refused = await admin.post("/config", json=both)
        tree = (await admin.get("/config")).json()

    assert tree["grok"]["impersonate"] == "chrome131"
    assert refused.json()["error"]["code"] == "invalid_config"


async def test_unknown_key_is_a_warning() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        patch = {"grok": {"nonsense": 1, "timeout": 90}, "x": 1}
        reply = (await admin.post("/config", json=patch)).json()

    assert reply["warnings"] == [
        "grok.nonsense is no setting and was ignored",
        "x is no setting and was ignored",
    ]


@pytest.mark.parametrize(
    ("patch", "status", "code", "param"),
    [
        ({"grok": {"timeout": 90, "max_retry": 99}}, 400, "invalid_config", "grok.max_retry"),
        ({"server": {"port": 9000}}, 400, "startup_only_config", "server.port"),
        ({"token": {"auto_refresh": True}}, 409, "config_locked", "token.auto_refresh"),
        ({"app": {"metrics_key": "…ffffff"}}, 400, "invalid_config", "app.metrics_key"),
    ],
    ids=["bad value", "fixed at start", "set elsewhere", "mask of nothing"],
)
async def test_refused_change_saves_nothing(
    shared: RunningGateway, patch: dict[str, Any], status: int, code: str, param: str
) -> None:
    before = shared.gateway.settings.snapshot
    async with shared.operator() as admin:
        reply = await admin.post("/config", json=patch)

    assert reply.status_code == status
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, param)
    assert reply.json()["detail"]
    assert shared.gateway.settings.snapshot is before


async def test_body_that_is_nested_too_deeply_is_refused(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        body = '{"a":' * 100_000 + "1" + "}" * 100_000
        reply = await admin.post(
            "/config", content=body, headers={"content-type": "application/json"}
        )

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


async def test_null_resets_a_key() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/config", json={"grok": {"timeout": 90}})
        await admin.post("/config", json={"grok": {"timeout": None}})

        assert (await fields(admin))["grok.timeout"]["origin"] == "default"
        assert tomllib.loads(gw.gateway.settings.path.read_text()).get("grok", {}) == {}


async def test_masked_tree_posted_back_changes_nothing() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        await gw.change(app={"api_key": [KEY, "short"], "metrics_key": KEY})
        before = gw.gateway.settings.snapshot
        reply = await admin.post("/config", json=(await admin.get("/config")).json())

        assert reply.json()["message"] == "Nothing changed."
        assert gw.gateway.settings.snapshot is before


async def test_secret_is_kept_sealed_and_not_in_the_file() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/config", json={"app": {"metrics_key": KEY}})
        settings = gw.gateway.settings
        content = b"".join(
            path.read_bytes() for path in settings.path.parent.rglob("*") if path.is_file()
        )

        assert settings.snapshot.app.metrics_key == KEY
        assert KEY.encode() not in content
        assert (await fields(admin))["app.metrics_key"]["origin"] == "database"


async def test_secrets_are_shown_only_after_the_password() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await gw.change(app={"metrics_key": KEY})
        refused = await admin.get("/config", params={"reveal": 1})
        await give_password(gw)
        shown = await admin.get("/config", params={"reveal": 1})

        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "password_required")
        assert shown.json()["app"]["metrics_key"] == KEY
        assert shown.headers["cache-control"] == "no-store"
        assert ("config.reveal", "") in await audit_lines(admin)


async def test_texts_of_unknown_keys_are_treated_as_secrets() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        settings = gw.gateway.settings
        settings.path.write_text(f"[gone]\ntoken = '{KEY}'\nlist = ['{KEY}']\nnumber = 1\n")
        settings.reload()
        tree = (await admin.get("/config")).json()

    assert tree["gone"] == {"token": mask(KEY), "list": [mask(KEY)], "number": 1}


async def test_change_of_a_secret_is_audited_without_its_value() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/config", json={"app": {"metrics_key": KEY}, "x": {KEY: 1}})
        lines = await admin.get("/audit")

        assert await audit_lines(admin) == [("config", "app.metrics_key")]
        assert KEY not in lines.text


async def test_other_changes_are_audited_with_both_values() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/config", json={"grok": {"max_retry": 7}})
        await admin.post("/config", json={"app": {"app_url": f"https://{'x' * 300}.example"}})
        second, first = (await admin.get("/audit")).json()["lines"]

    assert first["detail"]["grok.max_retry"]["to"] == 7
    assert len(second["detail"]["app.app_url"]["to"]) == 200


async def test_schema_describes_a_setting(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        found = (await fields(admin))["plugins.haiku.lines"]

    assert found == {
        "key": "plugins.haiku.lines",
        "type": "int",
        "default": 3,
        "value": 3,
        "origin": "default",
        "changed": False,
        "min": 1,
        "max": 9,
        "min_open": False,
        "max_open": False,
        "unit": None,
        "nullable": False,
        "choices": None,
        "items": None,
        "help": {"en": "Lines.", "zh": "行数。"},
        "secret": False,
        "startup": False,
        "locked_by": None,
    }


async def test_schema_has_each_section_once_with_its_owner(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        schema = (await admin.get("/config/schema")).json()
    owners = {part["name"]: part["owner"] for part in schema["sections"]}

    assert len(owners) == len(schema["sections"])
    assert (owners["grok"], owners["plugins.haiku"]) == ("core", "haiku")
    assert next(part["title"] for part in schema["sections"] if part["name"] == "log") == {
        "en": "Log",
        "zh": "日志",
    }


async def test_schema_tells_what_cannot_be_changed_and_why(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        found = await fields(admin)

    assert found["server.port"]["startup"]
    assert found["token.auto_refresh"]["locked_by"] == "an option of this run"
    assert found["app.api_key"]["secret"]


async def test_revision_grows_with_a_change() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        before = (await admin.get("/config/schema")).json()["revision"]
        after = (await admin.post("/config", json={"grok": {"timeout": 90}})).json()["revision"]

    assert after == before + 1


async def test_file_is_exported_after_the_password() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await gw.change(grok={"timeout": 90})
        refused = await admin.get("/config/file")
        await give_password(gw)
        reply = await admin.get("/config/file")

        assert refused.status_code == 403
        assert tomllib.loads(reply.text) == {"grok": {"timeout": 90}}
        assert reply.headers["cache-control"] == "no-store"
        assert ("config.export", "") in await audit_lines(admin)


async def test_no_upstream_tells_of_fingerprints(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = (await admin.get("/config/impersonate")).json()

    assert reply == {"targets": [], "aliases": {}, "settings": {}, "warnings": []}


async def test_change_without_a_credential_is_refused(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        body = msgspec.json.encode({"grok": {"timeout": 90}})
        foreign = await shared.client.post("/api/v1/admin/config", content=body)
        missing = await admin.post("/config", content=body, headers={"authorization": ""})

    assert (foreign.status_code, missing.status_code) == (401, 401)
    assert shared.gateway.settings.snapshot.grok.timeout == 120


async def test_new_password_is_kept_as_a_hash() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        reply = await admin.post("/config", json={"app": {"app_key": "correct horse battery"}})

        assert reply.status_code == 200
        assert gw.gateway.settings.snapshot.app.app_key.startswith("$argon2id$")
        assert gw.gateway.settings.snapshot.origins["app.app_key"] == "database"


@pytest.mark.parametrize("password", ["", None, 5, "password"])
async def test_password_that_is_none_is_refused(password: Any) -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/config", json={"app": {"app_key": "correct horse battery"}})
        stored = gw.gateway.settings.snapshot.app.app_key
        async with gw.operator() as again:
            reply = await again.post("/config", json={"app": {"app_key": password}})

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "app.app_key")
        assert gw.gateway.settings.snapshot.app.app_key == stored


async def test_schema_tells_units_limits_and_what_differs_from_the_default() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/config", json={"log": {"slow_ms": 77}})
        sections = (await admin.get("/config/schema")).json()["sections"]
    fields = {field["key"]: field for section in sections for field in section["fields"]}

    slow, events = fields["log.slow_ms"], fields["webhooks.events"]
    assert (slow["unit"], slow["changed"], fields["log.max_files"]["unit"]) == ("ms", True, None)
    assert fields["limits.json_body_mb"]["min_open"] is True
    assert (events["items"]["type"], events["changed"]) == ("choice", False)
    assert "pool_low" in events["items"]["choices"]


async def test_keys_that_are_no_setting_are_told_masked() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        path = gw.gateway.settings.path
        path.write_text(
            '[grok]\ntiemout = "secret-of-nobody-knows"\nwreq_emulation = "chrome131"\n'
        )
        gw.gateway.settings.reload()
        schema = await admin.get("/config/schema")

    assert schema.json()["unknown"] == [
        {"key": "grok.tiemout", "value": mask("secret-of-nobody-knows")}
    ]


async def test_change_is_refused_when_another_one_came_first() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        seen = {"if-match": (await admin.get("/config/schema")).headers["etag"]}
        first = await admin.post("/config", json={"grok": {"timeout": 90}}, headers=seen)
        second = await admin.post("/config", json={"grok": {"timeout": 80}}, headers=seen)
        again = {"if-match": first.headers["etag"]}
        third = await admin.post("/config", json={"grok": {"timeout": 70}}, headers=again)

        assert gw.gateway.settings.snapshot.grok.timeout == 70
    assert (first.status_code, second.status_code, third.status_code) == (200, 409, 200)
    assert second.json()["error"]["code"] == "revision_conflict"
