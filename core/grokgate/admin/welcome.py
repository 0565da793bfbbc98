"""How far a new operator has come, and what snippets need to know (F-UI-71, F-ADM-37)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from litestar import get
from msgspec import Meta, Struct

from grokgate.admin.config_schema import Texts
from grokgate.admin.context import CurrentGateway
from grokgate.admin.warning_words import in_both
from grokgate.gateway import Gateway
from grokgate.plugin.records import Capability
from grokgate.prospects import ModelProspect, Prospect
from grokgate.storage.statistics import was_any_answered

StepName: TypeAlias = Literal["accounts", "key", "request"]
WarningCode: TypeAlias = Literal["anonymous", "no_key", "no_address", "setting"]
_WARNINGS: Final[Mapping[WarningCode, Texts]] = {
    "anonymous": {
        "en": "Whoever reaches this machine's gateway may use it without a key"
        " (app.allow_anonymous).",
        "zh": "任何能访问本机网关的人无需密钥即可使用（app.allow_anonymous）。",
    },
    "no_key": {
        "en": "There is no active key, so every client is refused.",
        "zh": "没有启用的密钥，所有客户端都会被拒绝。",
    },
    "no_address": {
        "en": "Links to pictures and videos have no host, until app.app_url says where clients"
        " find the gateway.",
        "zh": "图片和视频链接不含主机名；请在 app.app_url 中填写客户端访问网关的地址。",
    },
}


class Step(Struct, frozen=True, kw_only=True):
    """Something that has to be done before clients can be served."""

    id: StepName
    done: bool


class Notice(Struct, frozen=True, kw_only=True):
    """Something odd about how the gateway is set up."""

    code: WarningCode
    text: Texts


class Welcome(Struct, frozen=True, kw_only=True):
    """What there is, and what to do next."""

    base_url: Annotated[
        str | None,
        Meta(
            description="Where clients find the gateway, by app.app_url; null: the address under"
            " which this was asked for.",
            examples=["https://grok.example.com"],
        ),
    ]
    sandbox: Annotated[bool, Meta(description="The upstream is a made-up one.")]
    accounts: int
    usable_accounts: Annotated[int, Meta(description="Neither expired nor disabled.")]
    keys: Annotated[int, Meta(description="Active ones, those of the configuration included.")]
    anonymous: Annotated[bool, Meta(description="No key is needed.")]
    model: Annotated[
        str | None, Meta(description="A chat model that can be called now.", examples=["grok-4"])
    ]
    image_model: str | None
    video_model: str | None
    steps: Annotated[list[Step], Meta(description="In the order in which they are taken.")]
    warnings: list[Notice]
    status: str = "success"


@get("/welcome", summary="Tell how far the gateway is set up")
async def read_welcome(gateway: CurrentGateway) -> Welcome:
    """Return what a new operator has done, and with what a first request can be sent."""
    await gateway.request_log.flush()
    async with gateway.database.read() as connection:
        answered = await was_any_answered(connection)
    prospect = await gateway.prospects.look()
    counts = gateway.home.view().tokens
    accounts, keys = sum(counts.values()), _active_keys(gateway)
    anonymous = gateway.anonymous() is not None
    return Welcome(
        base_url=gateway.settings.snapshot.app.app_url.rstrip("/") or None,
        sandbox=gateway.options.sandbox is not None,
        accounts=accounts,
        usable_accounts=sum(
            count for (_, status), count in counts.items() if status in {"active", "cooling"}
        ),
        keys=keys,
        anonymous=anonymous,
        model=_callable(prospect, "chat"),
        image_model=_callable(prospect, "image"),
        video_model=_callable(prospect, "video"),
        steps=[
            Step(id="accounts", done=accounts > 0),
            Step(id="key", done=keys > 0 or anonymous),
            Step(id="request", done=answered),
        ],
        warnings=list(_notices(gateway, keys=keys, anonymous=anonymous)),
    )


HANDLERS: Final = (read_welcome,)


def _active_keys(gateway: Gateway) -> int:
    managed = sum(record.is_active for record in gateway.keys.listing())
    return managed + len(gateway.keys.config_keys())


def _callable(prospect: Prospect, capability: Capability) -> str | None:
    """Return the model that most accounts could serve now, of equal ones the first."""

    def candidates(model: ModelProspect) -> int:
        return model.served.room.candidates

    fit = (model for model in prospect.models if model.capability == capability)
    found = max(fit, key=candidates, default=None)
    return None if found is None else found.model


def _notices(gateway: Gateway, *, keys: int, anonymous: bool) -> Iterator[Notice]:
    if anonymous:
        yield _notice("anonymous")
    elif not keys:
        yield _notice("no_key")
    if not gateway.public_base():
        yield _notice("no_address")
    for text in gateway.settings.snapshot.warnings:
        yield Notice(code="setting", text=in_both(text))


def _notice(code: WarningCode) -> Notice:
    return Notice(code=code, text=_WARNINGS[code])
