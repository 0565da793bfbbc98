"""``/setup``: what the set-up link opens, how to choose the first password by hand (F-AUTH-08).

It is public, and the same for everybody whether there is a password or not. The code of the link
follows its ``#``, so it never reaches the gateway this way.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get

PATH: Final = "/setup"
_HEADERS: Final = {"cache-control": "no-store"}
_CALL: Final = (
    "curl {base}/api/v1/admin/setup -H 'Content-Type: application/json' "
    '-d \'{{"code": "{code}", "password": "…"}}\''
)
_PAGES: Final[Mapping[str, str]] = {
    "en": """Choose the admin password of this gateway

Send the code, which follows # in the set-up link, with a password of your own:

  {call}

The code works once. A new link is printed by: grokgate admin reset-password
""",
    "zh": """设置本网关的管理密码

请把设置链接中 # 之后的代码和您选定的密码一起发送：

  {call}

代码只能使用一次。打印新链接的命令：grokgate admin reset-password
""",
}
_CODES: Final = {"en": "…the part after #…", "zh": "…# 之后的部分…"}


def setup_page(base: Callable[[], str]) -> Router:
    """Make the route.

    Args:
        base: Returns the gateway's address for the operator, without a slash at its end.
    """

    @get(PATH, include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[str]:
        text = _text(request.headers.get("accept-language", ""), base())
        return Response(text, media_type=MediaType.TEXT, headers=_HEADERS)

    return Router("/", route_handlers=[page], opt={"family": "admin"})


def _text(accepted: str, base: str) -> str:
    """Write the page in the language that is *accepted* first; in both if it is neither."""
    first = accepted.strip()[:2].lower()
    languages = [first] if first in _PAGES else list(_PAGES)
    return "\n".join(
        _PAGES[language].format(call=_CALL.format(base=base, code=_CODES[language]))
        for language in languages
    )
