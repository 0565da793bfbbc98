"""The folder of a new plugin package: small, complete, and running as written."""

import re
from collections.abc import Mapping
from importlib.resources import files

_NAME = re.compile(r"(?=.{1,40}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "grokgate-{name}"
version = "0.1.0"
description = "A plugin for Grokgate."
requires-python = ">=3.11"
dependencies = ["grokgate>=0.1,<2"]

[project.entry-points."grokgate.plugins"]
{name} = "grokgate_{name}"

[dependency-groups]
dev = ["httpx", "mypy", "pytest", "ruff"]

[tool.hatch.build.targets.wheel]
packages = ["grokgate_{name}"]

[tool.mypy]
strict = true

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
filterwarnings = ["error"]

[tool.ruff]
line-length = 100
target-version = "py311"

[tool.ruff.lint]
extend-select = ["ANN", "ASYNC", "B", "D", "I", "RUF", "SIM", "UP"]

[tool.ruff.lint.isort]
known-first-party = ["grokgate_{name}"]

[tool.ruff.lint.per-file-ignores]
"tests/**" = ["D"]

[tool.ruff.lint.pydocstyle]
convention = "google"
"""

_INIT = '''\
"""POST /v1/{name}: a short text about a topic."""

from collections.abc import Iterable

from grokgate.plugin import AdminPanel, RouteSpec, Settings, hookimpl

from grokgate_{name}.routes import write
from grokgate_{name}.settings import {title}Settings


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Declare the section ``plugins.{name}``."""
    return {title}Settings


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve the route behind ``downstream.enable_{name}``."""
    yield RouteSpec(
        id="{name}",
        handlers=(write,),
        summary="Write about a topic.",
        creates_work=True,
    )


@hookimpl
def grokgate_admin_panels() -> Iterable[AdminPanel]:
    """Show a form to try the route with, at ``/admin/panel/{name}/try``."""
    yield AdminPanel(
        id="try",
        title={{"en": "Try {words}", "zh": "试用 {words}"}},
        module="panel.js",
    )
'''

_SETTINGS = '''\
"""Settings of the plugin, under ``plugins.{name}``."""

from typing import Annotated

from grokgate.plugin import Settings
from msgspec import Meta


class {title}Settings(Settings, frozen=True, kw_only=True):
    """Section ``plugins.{name}``."""

    model: Annotated[
        str, Meta(description="Model that writes the text.", extra={{"zh": "用于写作的模型。"}})
    ] = "grok-4"
    instruction: Annotated[str, Meta(description="The task.", extra={{"zh": "写作要求。"}})] = (
        "Write three lines about {{topic}}. Answer with the text only."
    )
'''

_SCHEMA = '''\
"""Wire types of ``/v1/{name}``."""

from typing import Annotated

from msgspec import Meta, Struct


class {title}Request(Struct, kw_only=True):
    """Body of the request."""

    topic: Annotated[str, Meta(min_length=1, max_length=200)]


class {title}Reply(Struct, frozen=True):
    """Body of the answer."""

    text: str
'''

_TRANSLATE = '''\
"""Request to call, events to reply; pure, no HTTP."""

from grokgate.plugin import Call, Caller, Exchange, Offer
from grokgate.upstream import Conversation, TextDelta

from grokgate_{name}.schema import {title}Reply, {title}Request
from grokgate_{name}.settings import {title}Settings


def to_call(
    request: {title}Request, settings: {title}Settings, *, offer: Offer, caller: Caller
) -> Call:
    """Turn the request into a call of one conversation."""
    prompt = Conversation.of_text(settings.instruction.replace("{{topic}}", request.topic))
    return Call(caller=caller, card=offer.card, send=lambda session: session.converse(prompt))


async def to_reply(exchange: Exchange) -> {title}Reply:
    """Collect the answer's text."""
    pieces = [event.text async for event in exchange if isinstance(event, TextDelta)]
    return {title}Reply("".join(pieces))
'''

_ROUTES = '''\
"""Handlers of the plugin."""

from grokgate.plugin import Ctx, CurrentCaller
from litestar import post
from litestar.params import JSONBody

from grokgate_{name}.schema import {title}Reply, {title}Request
from grokgate_{name}.settings import {title}Settings
from grokgate_{name}.translate import to_call, to_reply


@post("/v1/{name}", status_code=200, summary="Write about a topic.")
async def write(
    ctx: Ctx[{title}Settings], caller: CurrentCaller, data: JSONBody[{title}Request]
) -> {title}Reply:
    """Write about a topic."""
    settings = ctx.settings
    offer = ctx.models.find(settings.model, capability="chat", caller=caller)
    call = to_call(data, settings, offer=offer, caller=caller)
    async with await ctx.dispatcher.open(call) as exchange:
        return await to_reply(exchange)
'''

_TEST = '''\
"""The plugin against a scripted upstream."""

import pytest
from grokgate.testing import FakeUpstream, check_plugin, running_gateway
from grokgate.upstream import TextDelta

import grokgate_{name}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_text_costs_one_unit() -> None:
    fake = FakeUpstream([TextDelta(text="Old pond")])
    async with running_gateway(grokgate_{name}, upstream=fake, tokens={{"t1": 5}}) as gateway:
        reply = await gateway.client.post("/v1/{name}", json={{"topic": "frogs"}})

        assert reply.json() == {{"text": "Old pond"}}
        assert gateway.pool.units == {{"t1": 4}}


async def test_the_plugin_keeps_the_rules() -> None:
    await check_plugin(grokgate_{name}, requests={{"{name}": {{"topic": "frogs"}}}})
'''

_README = """\
# grokgate-{name}

`POST /v1/{name}` with `{{"topic": "…"}}` answers `{{"text": "…"}}`.

Install it beside Grokgate, add it to the configuration, and restart:

```toml
[plugins]
enabled = ["{name}"]
```

| Setting | Default | Meaning |
| :-- | :-- | :-- |
| `plugins.{name}.model` | `grok-4` | model that writes the text |
| `plugins.{name}.instruction` | | what to write; `{{topic}}` is replaced |

The switch is `downstream.enable_{name}`. The admin UI gets a page to try the route with, from
`grokgate_{name}/static/`.

## Checklist

| Rule | |
| :-- | :-- |
| switch before body | done: `check_plugin` |
| key required | done: `check_plugin` |
| errors in the envelope | done: `check_plugin` |
| unknown model is 404 `model_not_found` | exempt: the model is a setting |
| a cost for every card | exempt: no cards |
| no open lease after success, failure, disconnect, cancel | done: `check_plugin` |
| stream ends with its terminator | exempt: no streams |
| no planted secret in logs | done: `check_plugin` |
| settings documented in both languages | done: `check_plugin` |
| summaries and response types | done |
| panels import only their own files, and speak both languages | done: `check_plugin` |
"""

_FILES: Mapping[str, str] = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "grokgate_{name}/__init__.py": _INIT,
    "grokgate_{name}/settings.py": _SETTINGS,
    "grokgate_{name}/schema.py": _SCHEMA,
    "grokgate_{name}/translate.py": _TRANSLATE,
    "grokgate_{name}/routes.py": _ROUTES,
    "grokgate_{name}/py.typed": "",
    "tests/test_{name}.py": _TEST,
}
_PANEL = ("panel.js", "panel.css", "i18n/en.json", "i18n/zh.json")


def is_plugin_name(text: str) -> bool:
    """Tell whether *text* can name a plugin and a package."""
    return _NAME.fullmatch(text) is not None


def render(name: str) -> dict[str, str]:
    """Return the files of a new plugin called *name*: relative path → text."""
    title = "".join(word.capitalize() for word in name.split("_"))
    words = name.replace("_", " ").capitalize()
    written = {
        path.format(name=name): text.format(name=name, title=title, words=words)
        for path, text in _FILES.items()
    }
    return written | _panel(name)


def _panel(name: str) -> dict[str, str]:
    """Return the files of its panel, which lie here as files: their braces are their own."""
    folder = files("grokgate.cli") / "panel"
    texts = {path: folder.joinpath(path).read_text("utf-8") for path in _PANEL}
    return {
        f"grokgate_{name}/static/{path}": text.replace("PLUGIN", name)
        for path, text in texts.items()
    }
