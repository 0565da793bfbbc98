import msgspec

from grokgate.errors import InvalidRequest, ModelNotFound
from grokgate.openai import ErrorReply, envelope, error_frame


def test_envelope_has_all_four_keys() -> None:
    assert msgspec.to_builtins(envelope(ModelNotFound("grok-9"))) == {
        "error": {
            "message": "The model 'grok-9' does not exist or you have no access to it.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


def test_error_frame_holds_the_envelope() -> None:
    sent = error_frame(InvalidRequest("Broken."))

    assert sent.startswith(b"data: ")
    assert sent.endswith(b"\n\n")
    assert msgspec.json.decode(sent[6:], type=ErrorReply) == envelope(InvalidRequest("Broken."))
