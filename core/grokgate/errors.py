"""The errors a client may see, and the errors that stop a start.

```text
GatewayError                      status, type, code, param, retry_after_s, message
├─ InvalidRequest           400
│  ├─ ModelNotFound         404   ├─ ModelNotSupported    400
│  ├─ ObjectNotFound        404   ├─ BodyTooLarge         413
│  ├─ UnknownUrl            404   ├─ MethodNotAllowed     405
│  ├─ RequestTimeout        408   └─ UnsupportedMediaType 415
├─ AuthenticationFailed     401   ├─ PermissionDenied     403
│  └─ SetupRequired         401   │  └─ PasswordRequired, CsrfFailed  403
├─ EndpointDisabled         404   ├─ Conflict             409
├─ NotSupported             410   ├─ TooManyAttempts      429
├─ LimitExceeded            429   ├─ NoTokenAvailable     429
│  └─ DailyQuotaExceeded    429   ├─ Overloaded           503
├─ NoTokensConfigured       503   ├─ StoreUnavailable     503
├─ UpstreamError            502
│  ├─ UpstreamBlocked       502   ├─ UpstreamTimeout      504
│  ├─ EmptyResponse         502   ├─ ContextTooLong       400
│  └─ ContentRefused        400   └─ NotEntitled          403
├─ SettingsError            400
└─ InternalError            500
StartupError                      stops the start; names the file and the remedy
├─ ConfigFileError                a configuration file that cannot be read
├─ StateError                     persistent state that is damaged, newer, or already in use
└─ PluginError                    one plugin was refused; the service goes on without it
```

Only `GatewayError` and its subclasses reach a client; `http.errors` renders them. Messages are
written for the client and never hold upstream text, addresses, account names or secrets: such
detail belongs to the log. The codes are those of `openai-contract.md` section 2.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

_WAITS = frozenset({429, 503})
"""Statuses whose cure is to wait."""
_UNITS = (("minute", 60), ("hour", 3600))
_FEW = 2
"""So many of a unit are told in it; fewer in the next smaller one."""


class GatewayError(Exception):
    """Base of everything a client may be told.

    Args:
        message: English sentence for the client; the class has a default.
        code: Machine word; the class has a default.
        param: Path of the field at fault, such as ``messages[0].content``.
        retry_after_s: Seconds until a retry makes sense; rendered as ``retry-after``.
        headers: Further response headers, such as ``allow``.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    default_code: ClassVar[str | None] = "internal_error"
    default_message: ClassVar[str] = "The gateway failed."
    should_retry: ClassVar[bool | None] = None
    """False adds ``x-should-retry: false``: the status alone would invite a useless repetition."""

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or self.default_message
        super().__init__(self.message)
        self.code = code or self.default_code
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers: Mapping[str, str] = headers or {}

    @property
    def told(self) -> str:
        """The sentence for the client: the message and, of 429 and 503, when to come back."""
        if self.retry_after_s is None or self.status not in _WAITS:
            return self.message
        return f"{self.message} Try again in {_span(self.retry_after_s)}."


class InvalidRequest(GatewayError):
    """The request itself is at fault; repeating it unchanged is useless."""

    status = 400
    type = "invalid_request_error"
    default_code = "invalid_value"
    default_message = "The request is invalid."

    @staticmethod
    def missing(param: str) -> "InvalidRequest":
        """Describe a field that must be there and is not; *param* is its path."""
        message = f"Missing required parameter: '{param}'."
        return InvalidRequest(message, code="missing_required_parameter", param=param)


class ModelNotFound(InvalidRequest):
    """No such model for this key, or the endpoint that serves it is off.

    Args:
        model: As the client wrote it.
        near: Ids of models like it that the client may use, most alike first.
    """

    status = 404
    default_code = "model_not_found"

    def __init__(self, model: str, near: Sequence[str] = ()) -> None:
        meant = " or ".join(f"'{name}'" for name in near)
        super().__init__(
            f"The model '{_printable(model)}' does not exist or you have no access to it."
            + (f" Did you mean {meant}?" if meant else ""),
            param="model",
        )


class ModelNotSupported(InvalidRequest):
    """A known model on an endpoint that cannot serve it."""

    default_code = "model_not_supported"

    def __init__(self, model: str, *, endpoint: str) -> None:
        super().__init__(
            f"The model '{_printable(model)}' cannot be used with {endpoint}.", param="model"
        )


class ObjectNotFound(InvalidRequest):
    """An id that is unknown, expired or another key's: the three read alike."""

    status = 404
    default_code = "file_not_found"
    default_message = "No such object."


class UnknownUrl(InvalidRequest):
    """No route answers this path."""

    status = 404
    default_code = "unknown_url"
    default_message = "Unknown request URL. Check the path for typos."


class MethodNotAllowed(InvalidRequest):
    """The path exists, but not for this method; carries ``allow``."""

    status = 405
    default_code = "method_not_allowed"
    default_message = "This method is not allowed here."


class RequestTimeout(InvalidRequest):
    """The body did not arrive in time."""

    status = 408
    default_code = "request_timeout"
    default_message = "The request body did not arrive in time."


class BodyTooLarge(InvalidRequest):
    """The body or one file of it is over the limit."""

    status = 413
    default_code = "request_too_large"
    default_message = "The request body is too large."


class UnsupportedMediaType(InvalidRequest):
    """The content type of the body is not one this route reads."""

    status = 415
    default_code = "unsupported_media_type"
    default_message = "Unsupported content type."


class AuthenticationFailed(GatewayError):
    """No key, or not one of ours; both have the same code."""

    status = 401
    type = "invalid_request_error"
    default_code = "invalid_api_key"
    default_message = "Invalid authentication token"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"www-authenticate": "Bearer"})


class PermissionDenied(GatewayError):
    """The key is good but not for this."""

    status = 403
    type = "permission_error"
    default_code = "endpoint_not_allowed"
    default_message = "This key may not do that."


class SetupRequired(AuthenticationFailed):
    """There is no admin password yet (F-AUTH-08)."""

    default_code = "setup_required"
    # Clients of predecessors look for its beginning.
    default_message = "App key is not configured: open the set-up link that the start printed."


class PasswordRequired(PermissionDenied):
    """A secret is asked for without the password having been given again (F-CFG-09)."""

    default_code = "password_required"
    default_message = "Give the password again to see secrets."


class CsrfFailed(PermissionDenied):
    """A change with the session's cookie that another page could have sent (F-AUTH-06)."""

    default_code = "csrf_failed"
    default_message = "This request does not come from the admin page."


class NotSupported(GatewayError):
    """What predecessors had and this gateway leaves out on purpose."""

    status = 410
    type = "invalid_request_error"
    default_code = "not_supported"
    default_message = "This is not supported."


class TooManyAttempts(GatewayError):
    """Too many wrong passwords from one address."""

    status = 429
    type = "rate_limit_error"
    default_code = "too_many_attempts"
    default_message = "Too many failed attempts."
    should_retry = False


class EndpointDisabled(GatewayError):
    """The operator switched the route off (F-API-04)."""

    status = 404
    type = "invalid_request_error"
    default_code = "endpoint_disabled"
    default_message = "Endpoint disabled"


class Conflict(GatewayError):
    """The object or an earlier request stands in the way."""

    status = 409
    type = "invalid_request_error"
    default_code = "idempotency_in_progress"
    default_message = "The request conflicts with another one."


class LimitExceeded(GatewayError):
    """A limit of the client's own key."""

    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"
    default_message = "The limit of this key is reached."


class DailyQuotaExceeded(LimitExceeded):
    """A daily quota of the client's key is used up (F-KEY-07); carries seconds to the next day.

    Args:
        quota: Its name, or several.
        retry_after_s: Seconds to the next day.
    """

    type = "insufficient_quota"
    default_code = "daily_quota_exceeded"
    should_retry = False

    def __init__(self, quota: str, *, retry_after_s: float) -> None:
        super().__init__(f"Daily quota exceeded: {quota}", retry_after_s=retry_after_s)

    @property
    def told(self) -> str:
        """The sentence that clients of predecessors look for; the delay is in the header."""
        return self.message


class NoTokenAvailable(GatewayError):
    """Every fitting account waits for its quota or cools down; carries seconds to the earliest."""

    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"
    default_message = "All accounts that could serve this model are out of quota."

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after_s: float | None = None,
        resets_known: bool = True,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.resets_known = resets_known
        """False: of some fitting account nobody knows when it returns; asking upstream may help."""


class NoTokensConfigured(GatewayError):
    """No usable account of the needed kind: none, or all expired or disabled."""

    status = 503
    default_code = "no_tokens_configured"
    default_message = "No usable account is configured for this model."
    should_retry = False


class Overloaded(GatewayError):
    """In-flight limit, queue full or waited out, or draining."""

    status = 503
    default_code = "overloaded"
    default_message = "The gateway is at its limit."

    def __init__(self, message: str | None = None, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class StoreUnavailable(GatewayError):
    """Storage or shared state does not answer or cannot be written."""

    status = 503
    default_code = "storage_unavailable"
    default_message = "The gateway's storage does not answer."

    def __init__(
        self, message: str | None = None, *, code: str | None = None, retry_after_s: float = 1.0
    ) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)


class UpstreamError(GatewayError):
    """The upstream failed after the gateway's own retries."""

    status = 502
    default_code = "upstream_error"
    default_message = "The upstream failed to answer."


class UpstreamBlocked(UpstreamError):
    """An anti-bot page or an unexplained 403."""

    default_code = "upstream_blocked"
    default_message = "The upstream refused the gateway's connection."


class UpstreamTimeout(UpstreamError):
    """A first-byte, idle or total limit passed."""

    status = 504
    default_code = "upstream_timeout"
    default_message = "The upstream did not answer in time."


class EmptyResponse(UpstreamError):
    """The upstream ended its answer without any content."""

    default_code = "empty_response"
    default_message = "The upstream returned an empty answer."


class ContextTooLong(UpstreamError):
    """The upstream says the prompt is over the model's limit."""

    status = 400
    type = "invalid_request_error"
    default_code = "context_length_exceeded"
    default_message = "The prompt is too long for this model."


class ContentRefused(UpstreamError):
    """The upstream's moderation refused the request before any output."""

    status = 400
    type = "invalid_request_error"
    default_code = "content_policy_violation"
    default_message = "The request was refused by the upstream's content policy."


class NotEntitled(UpstreamError):
    """The account lacks the content preference the request needs."""

    status = 403
    type = "permission_error"
    default_code = "nsfw_not_entitled"
    default_message = "No account is entitled to this kind of content."


class SettingsError(GatewayError):
    """A settings change that is refused; nothing was saved."""

    status = 400
    type = "invalid_request_error"
    default_code = "invalid_config"
    default_message = "The setting is invalid."


class InternalError(GatewayError):
    """A defect of ours or of a plugin; the log names it, the client is told nothing."""

    status = 500
    default_code = "internal_error"
    default_message = "The gateway failed to handle the request."


class StartupError(Exception):
    """The start is refused; the message names the cause and the remedy."""


class ConfigFileError(StartupError):
    """A configuration file that cannot be read. It is left untouched."""


class StateError(StartupError):
    """Persistent state that is damaged, newer than the program, or in use. It is left untouched."""


class PluginError(StartupError):
    """A plugin that was refused at load; the service runs without it."""

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(f"plugin {plugin!r}: {reason}")
        self.plugin = plugin
        self.reason = reason


def _span(seconds: float) -> str:
    """Return a wait as people say it, rounded up: ``45 seconds``, ``12 minutes``."""
    name, count = "second", max(1, math.ceil(seconds))
    for unit, length_s in _UNITS:
        if seconds >= _FEW * length_s:
            name, count = unit, math.ceil(seconds / length_s)
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _printable(text: str, limit: int = 100) -> str:
    """Return client text fit for a message: printable and of bounded length."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= limit else shown[:limit] + "…"
