"""Draws ``first-start.svg`` from a real run: ``.venv/bin/python docs/images/first_start.py``.

It starts ``grokgate serve --sandbox`` on a fresh folder, sends the request that the start suggests,
and draws what the terminal showed. Of the API key and the set-up code only the first
characters are kept.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from html import escape
from pathlib import Path

COLUMNS = 112
FIRST, LAST = 8, 3
"""Lines of the answer that are drawn, from its beginning and its end."""
FONT = 13
LINE = 19
LEFT, TOP = 20, 52
WIDTH = LEFT * 2 + int(COLUMNS * FONT * 0.602)
PROMPT = "Tell me about kites"
KEY = re.compile(r"sk-[\w-]{20,}")
SECRET = re.compile(rf"{KEY.pattern}|(?<=/setup#)[\w-]{{20,}}")
"""An API key, or the code of the set-up link."""


def main() -> None:
    """Run, ask, draw."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "grokgate", "serve", "--sandbox"]
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            assert process.stdout is not None
            banner = list(_until_ready(process.stdout))
            shown = ["$ python3 dev.py serve --sandbox", *banner, "", *_ask("\n".join(banner))]
        finally:
            process.terminate()
            process.wait(30)
    target = Path(__file__).with_name("first-start.svg")
    target.write_text(draw(list(_wrapped(shown))), encoding="utf-8")
    print(f"wrote {target.name}")


def _until_ready(output: Iterator[str]) -> Iterator[str]:
    for line in output:
        yield line.rstrip("\n")
        if "Ready" in line:
            return


def _ask(banner: str) -> Iterator[str]:
    """Send what the banner suggests; yields the command and the first lines of the answer."""
    found = KEY.search(banner)
    base = re.search(r"http://[\d.:]+", banner)
    assert found
    assert base
    body = {"model": "grok-4", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    request = urllib.request.Request(  # noqa: S310 - the loopback address just printed
        f"{base.group()}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {found.group()}", "content-type": "application/json"},
    )
    yield f"$ curl -N {base.group()}/v1/chat/completions \\"
    yield f"    -H 'Authorization: Bearer {found.group()}' -H 'Content-Type: application/json' \\"
    yield f"    -d '{json.dumps(body, separators=(',', ':'))}'"
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
        lines = [line for line in reply.read().decode().splitlines() if line]
    yield from lines[:FIRST]
    yield "…"
    yield from lines[-LAST:]


def _wrapped(lines: list[str]) -> Iterator[str]:
    """Hide the key, and shorten what a terminal of this width would wrap."""
    for line in lines:
        hidden = SECRET.sub(lambda secret: secret.group()[:9] + "…", line)
        if hidden.startswith("data: {"):
            frame = json.loads(hidden.removeprefix("data: "))
            choice = frame["choices"][0]
            shown = {"delta": choice["delta"], "finish_reason": choice["finish_reason"]}
            hidden = f'data: {{… "choices":[{json.dumps(shown, separators=(",", ":"))}]}}'
        yield hidden if len(hidden) <= COLUMNS else hidden[: COLUMNS - 1] + "…"


def draw(lines: list[str]) -> str:
    """Render *lines* as a terminal window."""
    height = TOP + LINE * len(lines) + 12
    rows = "\n".join(
        f'<text x="{LEFT}" y="{TOP + LINE * row}" class="{_style(line)}" xml:space="preserve">'
        f"{escape(line)}</text>"
        for row, line in enumerate(lines)
        if line
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"
 aria-label="A first start of Grokgate in a terminal">
<style>
text {{ font: {FONT}px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #c9d1d9 }}
.command {{ fill: #7ee787; font-weight: 600 }}
.data {{ fill: #a5d6ff }}
.note {{ fill: #8b949e }}
</style>
<rect width="{WIDTH}" height="{height}" rx="10" fill="#0d1117"/>
<circle cx="22" cy="20" r="6" fill="#ff5f56"/>
<circle cx="42" cy="20" r="6" fill="#ffbd2e"/>
<circle cx="62" cy="20" r="6" fill="#27c93f"/>
{rows}
</svg>
"""


def _style(line: str) -> str:
    if line.startswith(("$", "  curl", "    -")):
        return "command"
    if line.startswith("data:"):
        return "data"
    return "note" if "Ready" in line or line == "…" else "plain"


if __name__ == "__main__":
    main()
