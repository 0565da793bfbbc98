"""What the pages of ``docs/how-to/clients`` say to copy: run, or held against replayed requests."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from clients.node_process import PACKAGES

PAGES = Path(__file__).parents[2] / "docs" / "how-to" / "clients"
BODIES = Path(__file__).with_name("bodies")
NAMES = sorted(path.stem for path in PAGES.glob("*.md") if not path.name.endswith(".zh-CN.md"))
PYTHON = ["agents-sdk", "anthropic-python", "langchain", "openai-python", "pydantic-ai"]
NODE = ["ai-sdk", "anthropic-node", "openai-node"]
REPLAYED = ["claude-code", "codex", "instructor", "litellm"]
WRITTEN = "http://127.0.0.1:8000"
ASKED = "Say hello"
"""What every call in a snippet asks, and the sandbox repeats."""


def blocks(page: Path) -> list[str]:
    """Return the contents of the code blocks of a page."""
    return re.findall(r"^```\w+\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def snippet(name: str, base: str) -> str:
    """Return what a page says to copy, with the address of the gateway under test."""
    (only,) = blocks(PAGES / f"{name}.md")
    assert WRITTEN in only
    return only.replace(WRITTEN, base)


def test_every_page_is_shown_by_a_test() -> None:
    assert sorted([*PYTHON, *NODE, *REPLAYED]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_translation_has_the_same_parts_and_snippet(name: str) -> None:
    page, twin = PAGES / f"{name}.md", PAGES / f"{name}.zh-CN.md"

    assert blocks(twin) == blocks(page)
    assert [line[:2] for line in twin.read_text().splitlines() if line[:2] in ("# ", "- ")] == [
        line[:2] for line in page.read_text().splitlines() if line[:2] in ("# ", "- ")
    ]


def run(command: list[str], key: str) -> str:
    """Run what a page says to copy, and return what it prints."""
    environ = {**os.environ, "GROKGATE_KEY": key, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PYTHON)
def test_python_snippet_runs(name: str, base: str, key: str) -> None:
    code = snippet(name, base)

    assert run([sys.executable, "-c", code], key).count(ASKED) == code.count(ASKED)


@pytest.mark.parametrize("name", NODE)
def test_node_snippet_runs(
    name: str, node_program: str, base: str, key: str, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(PACKAGES / "node_modules")
    script, code = tmp_path / "snippet.mjs", snippet(name, base)
    script.write_text(code)

    assert run([node_program, str(script)], key).count(ASKED) == code.count(ASKED)


def replayed(url: str, client: str, key: str, *, path: str) -> httpx.Response:
    """Send the client's first recorded request for *path* to the address a snippet leads to."""
    requests = json.loads((BODIES / f"{client}.json").read_text())
    first = next(request for request in requests if path in request["path"])
    headers = {**first["headers"], "authorization": f"Bearer {key}"}
    return httpx.post(url, headers=headers, json=first["body"], timeout=30, trust_env=False)


@pytest.mark.parametrize("client", ["instructor", "litellm"])
def test_python_snippet_of_a_replayed_client(client: str, base: str, key: str) -> None:
    code = snippet(client, base)
    compile(code, client, "exec")
    (address,) = re.findall(r'(?:base_url|api_base)="([^"]+)"', code)
    path = "chat/completions"

    assert replayed(f"{address}/{path}", client, key, path=path).is_success


def test_settings_of_codex(base: str, key: str) -> None:
    settings = tomllib.loads(snippet("codex", base))
    provider = settings["model_providers"][settings["model_provider"]]
    url = f"{provider['base_url']}/{provider['wire_api']}"

    assert provider["env_key"] == "GROKGATE_KEY"
    assert replayed(url, "codex", key, path="responses").is_success


def test_settings_of_claude_code(base: str, key: str) -> None:
    *exports, last = snippet("claude-code", base).splitlines()
    settings = dict(line.removeprefix("export ").split("=", 1) for line in exports)
    url = f"{settings['ANTHROPIC_BASE_URL']}/v1/messages?beta=true"

    assert last == "claude"
    assert settings["ANTHROPIC_AUTH_TOKEN"] == "$GROKGATE_KEY"
    assert replayed(url, "claude-code", key, path="messages").is_success
