"""What can be made to go wrong: all knobs, collected from the modules that declare them.

A module of knobs ends with a union of its own; adding that union to `Action` makes its knobs known
to rules, directives and the reference page.
"""

from typing import TypeAlias

from grokgate.sandbox.faults_answer import (
    AnswerAction,
    ClockSkew,
    Cut,
    ErrorAfter200,
    Framing,
    Malformed,
    Nested,
    Oversize,
    Pace,
)
from grokgate.sandbox.faults_media import (
    AssetError,
    BadPaging,
    Grpc,
    ImagineError,
    MediaAction,
    Moderation,
    PartialImages,
    PostError,
)
from grokgate.sandbox.faults_refusal import (
    AccountState,
    AntiBot,
    CfChallenge,
    HttpStatus,
    RateLimit,
    RefusalAction,
)
from grokgate.sandbox.faults_rest import QuotaJson, RestAction, UploadError
from grokgate.sandbox.faults_socket import (
    SessionEnded,
    SocketAction,
    WsDrop,
    WsHandshake,
    WsOrder,
    WsSilence,
)
from grokgate.sandbox.knob import LEAD, LINE_CAP_MIB, Count, Knob, Millis, Place

__all__ = [
    "LEAD",
    "LINE_CAP_MIB",
    "AccountState",
    "Action",
    "AntiBot",
    "AssetError",
    "BadPaging",
    "CfChallenge",
    "ClockSkew",
    "Count",
    "Cut",
    "ErrorAfter200",
    "Framing",
    "Grpc",
    "HttpStatus",
    "ImagineError",
    "Knob",
    "Malformed",
    "Millis",
    "Moderation",
    "Nested",
    "Oversize",
    "Pace",
    "PartialImages",
    "Place",
    "PostError",
    "QuotaJson",
    "RateLimit",
    "SessionEnded",
    "UploadError",
    "WsDrop",
    "WsHandshake",
    "WsOrder",
    "WsSilence",
]

Action: TypeAlias = RefusalAction | AnswerAction | SocketAction | RestAction | MediaAction
