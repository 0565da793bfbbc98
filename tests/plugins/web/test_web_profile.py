from pathlib import Path
from typing import Any

import msgspec
import pytest

import grokgate_web
from grokgate.upstream import Attachment, Blob, Conversation, Message, Role, Text, Wire
from grokgate_web.payload import (
    attachments,
    chat_body,
    envelope,
    fill,
    flatten,
    message_event,
    modes,
    quota_body,
    session_event,
)
from grokgate_web.profile_files import load_profile, profile_name, profile_names
from grokgate_web.settings import WebSettings

ENV = (
    '"deviceEnvInfo":{"darkModeEnabled":false,"devicePixelRatio":2,"screenWidth":2056,'
    '"screenHeight":1329,"viewportWidth":2056,"viewportHeight":1083}'
)
G1 = (
    '{"temporary":true,"modelName":"grok-4-1-thinking-1129","modelMode":'
    '"MODEL_MODE_GROK_4_1_THINKING","message":"system: Be brief.\\n\\nWhy is the sky blue?",'
    '"fileAttachments":[],"imageAttachments":[],"disableSearch":false,'
    '"enableImageGeneration":true,"returnImageBytes":false,"returnRawGrokInXaiRequest":false,'
    '"enableImageStreaming":true,"imageGenerationCount":2,"forceConcise":false,'
    '"toolOverrides":{},"enableSideBySide":true,"sendFinalMetadata":true,"isReasoning":false,'
    '"disableTextFollowUps":false,"responseMetadata":{"modelConfigOverride":{"modelMap":{}},'
    '"requestModelDetails":{"modelId":"grok-4-1-thinking-1129"}},"disableMemory":true,'
    '"forceSideBySide":false,"isAsyncChat":false,"disableSelfHarmShortCircuit":false,' + ENV + "}"
)
G2 = (
    '{"modeId":"fast","message":"Why is the sky blue?","temporary":true,"fileAttachments":[],'
    '"imageAttachments":[],"collectionIds":[],"connectors":[],"searchAllConnectors":false,'
    '"disableSearch":false,"enableImageGeneration":true,"returnImageBytes":false,'
    '"returnRawGrokInXaiRequest":false,"enableImageStreaming":true,"imageGenerationCount":2,'
    '"forceConcise":false,"enableSideBySide":true,"forceSideBySide":false,'
    '"sendFinalMetadata":true,"disableTextFollowUps":false,"responseMetadata":{},'
    '"disableMemory":true,"isAsyncChat":false,"disableSelfHarmShortCircuit":false,'
    '"toolOverrides":{"gmailSearch":false,"googleCalendarSearch":false,"outlookSearch":false,'
    '"outlookCalendarSearch":false,"googleDriveSearch":false},' + ENV + "}"
)


def said(role: Role, *texts: str) -> Message:
    return Message(role=role, parts=tuple(Text(text=text) for text in texts))


def body(profile: str, request: Conversation, *, wire: Wire, **settings: Any) -> dict[str, Any]:
    built = chat_body(
        load_profile(profile).chat,
        request,
        wire=wire,
        mode=modes(wire)[0],
        prompt=flatten(request.messages),
        uploaded=("f1",) if attachments(request) else (),
        settings=WebSettings(**settings),
    )
    return msgspec.json.decode(built, type=dict[str, Any])


def test_body_of_2026_02_is_the_sample() -> None:
    wire = Wire(
        name="grok-4-1-thinking-1129",
        buckets=("default",),
        params={"mode": "MODEL_MODE_GROK_4_1_THINKING"},
    )
    messages = (said("system", "Be brief."), said("user", "Why is the sky blue?"))

    assert body("2026-02", Conversation(messages=messages), wire=wire) == msgspec.json.decode(G1)


def test_body_of_2026_04_is_the_sample() -> None:
    wire = Wire(name="fast", buckets=("fast",))
    request = Conversation.of_text("Why is the sky blue?")

    assert body("2026-04", request, wire=wire) == msgspec.json.decode(G2)


def test_settings_reach_the_body() -> None:
    request = Conversation(messages=(said("user", "x"),), search=False)
    built = body(
        "2026-04",
        request,
        wire=Wire(name="fast", buckets=()),
        temporary=False,
        disable_memory=False,
        custom_instruction="Be kind.",
    )

    assert (built["temporary"], built["disableMemory"]) == (False, False)
    assert (built["disableSearch"], built["customPersonality"]) == (True, "Be kind.")


def test_absent_mode_is_not_sent_and_additions_are() -> None:
    built = body("2026-02", Conversation.of_text("x"), wire=Wire(name="grok-420", buckets=()))

    assert "modelMode" not in built
    assert built["enable420"] is True


def test_uploads_are_attached_by_id() -> None:
    blob = Blob.of_bytes(b"x", mime="image/png", name="a.png")
    message = Message(role="user", parts=(Text(text="see"), Attachment(blob=blob, kind="image")))
    built = body("2026-02", Conversation(messages=(message,)), wire=Wire(name="grok-3", buckets=()))

    assert (built["fileAttachments"], built["imageAttachments"]) == (["f1"], [])


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ((said("user", "a"),), "a"),
        ((said("user", "a", "b"),), "a\nb"),
        ((said("user", "a"), said("assistant", "b"), said("user", "c")),
         "user: a\n\nassistant: b\n\nc"),
        ((said("user", "a"), said("assistant", "b")), "a\n\nassistant: b"),
        ((said("user", "a"), said("system", "s"), said("user", "c")), "system: s\n\nuser: a\n\nc"),
        ((said("user", "a"), said("user", " "), said("tool")), "a"),
        ((said("tool", "t"),), "tool: t"),
        ((), ""),
    ],
)  # fmt: skip
def test_prompt(messages: tuple[Message, ...], prompt: str) -> None:
    assert flatten(messages) == prompt


def test_modes_are_tried_in_order_without_doubles() -> None:
    params: dict[str, Any] = {"mode": "A", "fallbacks": ("B", "A", "C")}

    assert modes(Wire(name="m", buckets=(), params=params)) == ["A", "B", "C"]
    assert modes(Wire(name="m", buckets=())) == [None]


def test_absent_values_leave_their_key_out() -> None:
    template = {"a": "{x}", "b": {"c": "{y}"}, "d": ["{y}"], "e": "x {y}"}

    assert fill(template, {"x": None, "y": 1}) == {"b": {"c": 1}, "d": [1], "e": "x {y}"}


def test_quota_bodies() -> None:
    old, new = load_profile("2026-02").quota, load_profile("2026-04").quota

    assert quota_body(old.body, "m") == b'{"requestKind":"DEFAULT","modelName":"m"}'
    assert quota_body(new.body, "fast") == b'{"modelName":"fast"}'


CHAINS = {
    "2026-02": ("2026-02", "base"),
    "2026-04": ("2026-04", "base"),
    "2026-08": ("2026-08", "2026-04", "base"),
}


@pytest.mark.parametrize("name", profile_names())
def test_bundled_profile_loads(name: str) -> None:
    assert load_profile(name).chain == CHAINS[name]


def test_auto_is_the_newest() -> None:
    assert profile_name("auto") == profile_names()[-1] == "2026-08"


SESSION = """{"type":"session.create","event_id":"evt_init_1","session":{"model":"fast","x_grok":{
"protocol_capabilities":["conversation_attached","custom_methods_v1"],"use_chunk":true,
"enable_side_by_side":true,"force_side_by_side":false,"enable_image_generation":true,
"image_generation_count":2,"disable_text_follow_ups":false,"disable_artifact":true,
"force_concise":false,"keep_context":false,"is_temporary":true,"disable_memory":true}}}"""


def test_session_is_that_of_the_sample() -> None:
    gateway = load_profile("2026-08").gateway
    assert gateway is not None
    event = session_event(
        gateway,
        Conversation.of_text("x"),
        wire=Wire(name="fast", buckets=("fast",)),
        event_id="evt_init_1",
        settings=WebSettings(),
    )

    assert event == msgspec.json.decode(SESSION)


def test_message_mentions_its_files_before_the_text() -> None:
    event = message_event("see", ["f1"], event_id="evt_msg_1", message_id="m1")
    mention = {"mention": {"target": {"file_mention": {"file_id": "f1"}}}}

    assert event["file_attachment_ids"] == event["item"]["file_attachment_ids"] == ["f1"]
    assert event["item"]["x_grok"]["input_chunks"] == [mention, {"text": {"text": "see"}}]


def test_message_without_files_names_none() -> None:
    event = message_event("see", [], event_id="evt_msg_1", message_id="m1")

    assert "file_attachment_ids" not in {**event, **event["item"]}


def test_first_envelope_has_no_session() -> None:
    assert envelope({"type": "a"}) == b'{"event":{"type":"a"}}'
    assert envelope({"type": "a"}, "s1") == b'{"session_id":"s1","event":{"type":"a"}}'


def test_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-02"):
        profile_name("2020-01")


def folder_with(tmp_path: Path, **files: str) -> Path:
    bundled = Path(str(grokgate_web.__file__)).parent / "profiles"
    for source in bundled.glob("*.toml"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    for name, content in files.items():
        (tmp_path / f"{name}.toml").write_text(content)
    return tmp_path


def test_new_profile_needs_only_a_data_file(tmp_path: Path) -> None:
    text = (
        'extends = "2026-04"\nrefused = ["auto"]\n[chat]\npath = "/new"\n[chat.body]\nextra = 1\n'
    )
    profile = load_profile("next", folder=folder_with(tmp_path, next=text))

    assert profile.chain == ("next", "2026-04", "base")
    assert (profile.chat.path, profile.chat.body["extra"]) == ("/new", 1)
    assert profile.chat.body["modeId"] == "{model}"
    assert profile.refused == {"auto"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('extends = "odd"', "extends itself"),
        ('extends = "nowhere"', "no such file"),
        ('extends = "2026-04"\ntypo = 1', "typo"),
        ('extends = "2026-04"\n[chat.body]\nx = "{secret}"', "unknown placeholder"),
        ('extends = "2026-04"\n[headers.json]\nX = "{who}"', "unknown placeholder"),
        ("= 1", "profile odd"),
        ('extends = "base"', "quota"),
        ('extends = "2026-04"\n[chat]\nshape = "gateway"', "not described"),
        ('extends = "2026-08"\n[gateway]\npath = "/{who}"', "unknown placeholder"),
        ('extends = "2026-08"\n[gateway.session]\nx = "{mode}"', "unknown placeholder"),
        ('extends = "2026-08"\n[images.socket.properties]\nx = "{mode}"', "unknown placeholder"),
        ('extends = "2026-08"\n[edit.bodies.assets]\nx = "{prompt}"', "unknown placeholder"),
        ('extends = "2026-04"\n[video.several]\nx = "{mode}"', "unknown placeholder"),
        ('extends = "2026-04"\n[video]\nshape = "text"', "video has no body 'text'"),
        ('extends = "2026-04"\n[preference]\non = "!"', "preference"),
    ],
)
def test_wrong_profile_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_profile("odd", folder=folder_with(tmp_path, odd=text))


def test_declared_upstream() -> None:
    [spec] = grokgate_web.grokgate_upstreams()

    assert spec.id == "web"
    assert [pool.name for pool in spec.pools] == ["ssoBasic", "ssoSuper", "ssoHeavy"]
    assert spec.profile(WebSettings(protocol="2026-02")).chain == ("2026-02", "base")
    assert spec.serves["heavy"] == ("ssoHeavy", "ssoSuper")


def test_settings_keep_their_historic_keys() -> None:
    kinds = msgspec.inspect.type_info(WebSettings)
    assert isinstance(kinds, msgspec.inspect.StructType)
    keys = {
        field.name: field.type.extra["key"]
        for field in kinds.fields
        if isinstance(field.type, msgspec.inspect.Metadata) and field.type.extra
    }

    adult = {
        "nsfw_final_s": "final_timeout",
        "nsfw_grace_s": "blocked_grace_seconds",
        "nsfw_medium_over": "medium_min_bytes",
        "nsfw_final_over": "final_min_bytes",
    }
    named = {field.name: f"grok.{field.name}" for field in kinds.fields}
    assert keys == named | {name: f"plugins.images_nsfw.{key}" for name, key in adult.items()}
