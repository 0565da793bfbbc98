"""Tries out what is configured, and says in words what came of it (F-UI-52, F-ADM-37)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final, Literal, TypeAlias

from anyio import to_thread
from litestar import post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from msgspec.structs import replace

from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.doctor import Finding, Level, Words
from grokgate.doctor.routes import look_at_proxy
from grokgate.doctor.upstream import look_at_upstream
from grokgate.errors import InvalidRequest
from grokgate.fetch.target import networks
from grokgate.gateway import Gateway

TestKind: TypeAlias = Literal["proxy", "cookie", "fingerprint", "webhook"]
_MAIN_FINGERPRINT: Final = "grok.impersonate"
_ABOUT_COOKIE: Final = frozenset({"clearance", "clearance_none"})
_ABOUT_FINGERPRINTS: Final = frozenset({"fingerprint", "fingerprint_other", "upstream_warning"})
_ABOUT_PROXIES: Final = frozenset({"proxies", "direct", "upstream_closed"})


class TestRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try; without a value what is configured."""

    value: (
        Annotated[
            str,
            Meta(
                description="A proxy's address, or a fingerprint's name, that is not saved yet.",
                examples=["socks5://192.0.2.7:1080"],
                max_length=2048,
            ),
        ]
        | None
    ) = None


class Told(Struct, frozen=True, kw_only=True):
    """One thing found, in both languages."""

    code: Annotated[str, Meta(examples=["connect_proxy"])]
    level: Annotated[Level, Meta(description="attention needs the operator.")]
    subject: Annotated[str, Meta(description="Id of the upstream or account; may be empty.")]
    text: dict[str, str]
    remedy: Annotated[dict[str, str], Meta(description="Empty texts: nothing is to be done.")]


class TestReply(Struct, frozen=True, kw_only=True):
    """What came of it."""

    ok: Annotated[bool, Meta(description="Nothing needs the operator.")]
    findings: list[Told]
    status: str = "success"


@post("/test/{kind:str}", status_code=200, summary="Try out what is configured")
async def try_out(
    gateway: CurrentGateway,
    act: CurrentAct,
    kind: FromPath[TestKind],
    data: JSONBody[TestRequest | None] = None,
) -> TestReply:
    """Try proxies, the clearance cookie, fingerprints, or webhooks."""
    act.target = kind
    value = data.value if data else None
    match kind:
        case "proxy":
            findings = await _proxy(gateway, value)
        case "cookie":
            findings = await _cookie(gateway)
        case "fingerprint":
            findings = await to_thread.run_sync(partial(_fingerprint, gateway, value))
        case "webhook":
            findings = await _webhook(gateway)
    return await to_thread.run_sync(_reply, findings)


HANDLERS: Final = (try_out,)


async def _proxy(gateway: Gateway, value: str | None) -> list[Finding]:
    """Try one proxy, or all routes and then one account behind them."""
    if value is not None:
        limits = gateway.settings.snapshot.limits
        try:
            return [await look_at_proxy(value, networks(limits.remote_fetch_cidrs))]
        except ValueError as error:
            raise InvalidRequest(str(error), param="value") from None
    found: list[Finding] = []
    for upstream in gateway.specs:
        looked = await gateway.examiner.look(upstream)
        found += [one for one in looked if one.code in _ABOUT_PROXIES or "address" in one.values]
        found += await gateway.examiner.try_one(upstream)
    return found


async def _cookie(gateway: Gateway) -> list[Finding]:
    """Tell whether there is a cookie, and whether an account comes through with it."""
    found: list[Finding] = []
    for upstream in gateway.specs:
        judged = look_at_upstream(upstream, gateway.examiner.describe(upstream))
        found += [one for one in judged if one.code in _ABOUT_COOKIE]
        found += await gateway.examiner.try_one(upstream)
    return found


def _fingerprint(gateway: Gateway, value: str | None) -> list[Finding]:
    """Tell what fingerprints mean with the installed library; of a value only that one."""
    field = gateway.settings.fields.get(_MAIN_FINGERPRINT)
    section = None
    if value is not None and field is not None and field.section is not None:
        now = gateway.settings.snapshot.get(field.section)
        section = replace(now, **{field.name: value})
    owners = [name for name in gateway.specs if field and gateway.owners[name] == field.owner]
    found = [
        finding
        for upstream in owners
        for finding in look_at_upstream(upstream, gateway.examiner.describe(upstream, section))
        if finding.code in _ABOUT_FINGERPRINTS
    ]
    return found[:1] if value is not None else found


async def _webhook(gateway: Gateway) -> list[Finding]:
    """Send a test message to every address."""
    return [
        Finding(area="program", code="webhook_sent", subject=one.host, values={"host": one.host})
        if one.ok
        else Finding(
            area="program",
            code="webhook_forbidden" if one.reason == "address" else "webhook_failed",
            level="attention",
            subject=one.host,
            values={"host": one.host, "reason": str(one.status or one.reason)},
        )
        for one in await gateway.webhooks.test()
    ]


def _reply(findings: Sequence[Finding]) -> TestReply:
    words = Words.load()
    return TestReply(
        ok=all(finding.level != "attention" for finding in findings),
        findings=[_told(words, finding) for finding in findings],
    )


def _told(words: Words, finding: Finding) -> Told:
    return Told(
        code=finding.code,
        level=finding.level,
        subject=finding.subject,
        text={"en": words.say(finding, "en"), "zh": words.say(finding, "zh")},
        remedy={"en": words.remedy(finding, "en"), "zh": words.remedy(finding, "zh")},
    )
