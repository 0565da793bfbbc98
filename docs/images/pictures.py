"""Makes ``pictures/*`` by real requests: ``.venv/bin/python docs/images/pictures.py``.

A gateway in front of a sandbox is asked by the OpenAI SDK for what ``docs/how-to/pictures.md``
shows. The sandbox paints the same pictures for the same requests, on every machine.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from openai import AsyncOpenAI

import grokgate_images
import grokgate_web
from grokgate.sandbox import AccountFixture
from grokgate.testing import running_gateway, running_sandbox

FOLDER = Path(__file__).with_suffix("")
ACCOUNT = "sandbox-super-1"
PROMPT = "a red kite over dunes"


async def make() -> dict[str, bytes]:
    """Ask for everything; return the files by name."""
    async with _client() as client:
        drawn = await client.images.generate(
            prompt=PROMPT, n=2, response_format="b64_json", model="grok-imagine-1.0"
        )
        files = {
            f"drawn-{number}.jpg": base64.b64decode(one.b64_json or "")
            for number, one in enumerate(drawn.data or (), 1)
        }
        stream = await client.images.generate(
            prompt=PROMPT, size="16:9", stream=True, partial_images=2, model="grok-imagine-image"
        )
        async for event in stream:
            kind = event.type.rpartition(".")[2]
            number = getattr(event, "partial_image_index", 0) + 1
            name = "streamed.jpg" if kind == "completed" else f"preview-{number}.png"
            files[name] = base64.b64decode(event.b64_json)
        edited = await client.images.edit(
            image=("kite.jpg", files["drawn-1.jpg"]),
            prompt="make it blue",
            response_format="b64_json",
        )
        assert edited.data
        files["edited.jpg"] = base64.b64decode(edited.data[0].b64_json or "")
    return files


@asynccontextmanager
async def _client() -> AsyncIterator[AsyncOpenAI]:
    """Connect to a gateway with one made-up account."""
    (spec,) = grokgate_web.grokgate_upstreams()
    assert spec.sandbox is not None
    accounts = [AccountFixture(token=ACCOUNT, tier="super")]
    async with running_sandbox(accounts=accounts) as (_, base):
        plugins = (grokgate_web, grokgate_images)
        async with running_gateway(*plugins, tokens={}, settings=spec.sandbox(base)) as running:
            await running.gateway.tokens.import_text('{"ssoSuper":["' + ACCOUNT + '"]}')
            async with running.serve() as http:
                address = f"{http.base_url}/v1"
                async with AsyncOpenAI(api_key=running.key, base_url=address) as client:
                    yield client


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in asyncio.run(make()).items():
        (FOLDER / name).write_bytes(content)
        print(f"wrote {FOLDER.name}/{name}, {len(content)} bytes")


if __name__ == "__main__":
    main()
