"""Fields that answers are known to have, read or not; any other is drift.

Those of the lines of a chat answer stand where they are decoded, in `decode.chat`. Sections are of
`upstream-protocol.md`.
"""

from collections.abc import Mapping

MODEL_RESPONSE = frozenset((
    "responseId", "message", "sender", "createTime", "parentResponseId", "model", "partial",
    "manual", "shared", "query", "queryType", "webSearchResults", "xpostIds", "xposts",
    "generatedImageUrls", "imageAttachments", "fileAttachments", "cardAttachmentsJson", "fileUris",
    "fileAttachmentsMetadata", "imageEditUris", "isControl", "steps", "mediaTypes", "webpageUrls",
    "streamErrors", "error", "metadata",
))  # fmt: skip
"""The final message (2.4)."""

STREAMED_IMAGE = frozenset((
    "imageId", "imageUrl", "url", "imageIndex", "seq", "progress", "moderated", "isFinal",
))  # fmt: skip
"""News of a picture (6.1)."""

IMAGE_CHUNK = frozenset((
    "imageUuid", "imageUrl", "progress", "moderated", "imageModel", "imagePrompt", "systemErrCode",
))  # fmt: skip
"""The same, in a card (2.6)."""

STREAMED_VIDEO = frozenset((
    "videoId", "progress", "videoPostId", "postId", "post", "assetId", "videoUrl", "videoURL",
    "contentUrl", "contentURL", "assetUrl", "assetURL", "fileUri", "thumbnailImageUrl",
    "moderated", "mode", "resolutionName", "videoPrompt", "imageReference", "modelName", "width",
    "height",
))  # fmt: skip
"""News of a video (7.3)."""

_IMAGINE = frozenset((
    "type", "request_id", "image_id", "job_id", "id", "side_by_side_index", "order", "grid_index",
    "percentage_complete", "percentageComplete", "progress", "width", "height", "moderated",
    "r_rated",
))  # fmt: skip
IMAGINE: Mapping[str, frozenset[str]] = {
    "image": _IMAGINE | {"url", "imageUrl", "image_url", "blob"},
    "json": _IMAGINE | {"current_status"},
    "error": frozenset((
        "type", "request_id", "err_code", "err_msg", "err_message", "error",
    )),
}  # fmt: skip
"""Messages of the socket for pictures, by their type (6.4)."""

POST = {
    "": frozenset(("post",)),
    "post.": frozenset((
        "id", "userId", "createTime", "prompt", "mediaType", "mediaUrl", "mimeType",
        "originalPostId", "childPosts",
    )),
}  # fmt: skip
"""A media post (7.1)."""

UPSCALED = {"": frozenset(("hdMediaUrl",))}
"""A video made sharper (7.4)."""

ENVELOPE = frozenset(("session_id", "event"))
"""A message of the gateway (2.12)."""

_EVENT = frozenset((
    "type", "event_id", "client_event_id", "session_id", "response_id", "item_id", "output_index",
    "content_index",
))  # fmt: skip
EVENTS: Mapping[str, frozenset[str]] = {
    kind: _EVENT | set(fields)
    for kind, fields in {
        "session.created": ("session",),
        "conversation.attached": ("conversation", "mode"),
        "session.ended": ("reason",),
        "error": ("error",),
        "response.created": ("response",),
        "response.chunk": ("chunk",),
        "response.output_text.delta": ("delta", "x_grok"),
        "response.output_text.done": ("text", "x_grok"),
        "response.search.result": ("result",),
        "response.grok.output": ("output",),
        "response.done": ("response",),
    }.items()
}
"""Events that are read, by their type."""

CHUNK = frozenset((
    "text", "tool_usage_card", "tool_result", "render_citation", "card_attachment", "rollout_id",
    "ui_layout", "follow_up_suggestions",
))  # fmt: skip
TEXT = frozenset(("text", "channel", "rollout_id"))
CITATION = frozenset(("id", "kind", "url", "citation_id"))
OUTPUT = frozenset(("stream_error", "card_attachment", "tool_usage_card", "tool_result"))
RESPONSE = frozenset(("id", "object", "status", "status_details", "usage", "output"))

_LIMITS = frozenset(("cost", "remainingQueries", "waitTimeSeconds"))
QUOTA = {
    "": frozenset((
        "windowSizeSeconds", "remainingQueries", "totalQueries", "remainingTokens", "totalTokens",
        "waitTimeSeconds", "lowEffortRateLimits", "highEffortRateLimits",
    )),
    "lowEffortRateLimits.": _LIMITS,
    "highEffortRateLimits.": _LIMITS,
}  # fmt: skip
"""What is left in a window (4.1, 4.4)."""

_PRODUCTS = ("image", "imageEdit", "imagePro", "video", "video720p")
_PRODUCT = frozenset(("available", "remainingQueries", "windowSizeSeconds", "nextAvailableAt"))
PRODUCTS = {"": frozenset(_PRODUCTS), **{f"{name}.": _PRODUCT for name in _PRODUCTS}}
"""What is left of pictures and videos (4.5)."""

_FILE = frozenset((
    "fileMetadataId", "fileId", "fileMimeType", "fileName", "fileUri", "parsedFileUri",
    "createTime",
))  # fmt: skip
UPLOAD = {
    "": _FILE | {"uploadId", "terminalError", "fileMetadata"},
    "fileMetadata.": _FILE,
}
"""An uploaded file, in either form (5.1, 5.2)."""

ASSETS = {
    "": frozenset(("assets", "nextPageToken")),
    "assets[].": frozenset((
        "assetId", "mimeType", "name", "sizeBytes", "createTime", "lastUseTime", "key",
    )),
}  # fmt: skip
"""A page of the list of files (5.4)."""

ACCOUNT = {
    "": frozenset(("status", "session", "user")),
    "session.": frozenset(("userId", "email", "organizationId")),
    "user.": frozenset(("id", "userId", "sub", "email", "teamId")),
}
"""Whose account it is (1.7)."""
