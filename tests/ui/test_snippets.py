"""The calls that the admin UI shows to copy do what they say."""

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import reduce
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple

import anthropic
import openai
import pytest

from clients.node_process import find_node

LIB = Path(__file__).parents[2] / "admin_ui/grokgate_admin_ui/static/app/lib"
KEY = "sk-copied"
NASTY = 'It\'s "quoted" $HOME `id` \\n \\\\ 100% !x {a,b} é 你好 \N{GRINNING FACE}\nlast'
Kind = Literal["curl", "python", "node"]


class Heard(NamedTuple):
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Echo(ThreadingHTTPServer):
    """Keeps what arrives, and answers an empty object."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.heard: SimpleQueue[Heard] = SimpleQueue()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: Echo

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.put(Heard(self.command, self.path, headers, body))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def node() -> str:
    program = find_node()
    return program or pytest.skip("no Node on this machine")


def written(node: str, **call: Any) -> dict[Kind, str]:
    """Return the snippets of a call, as the page writes them."""
    script = (
        f"import {{ snippets }} from {json.dumps((LIB / 'snippets.js').as_uri())};"
        "const ways = snippets(JSON.parse(process.argv[1]));"
        "console.log(JSON.stringify(Object.fromEntries(ways.map((way) => [way.id, way.code]))));"
    )
    ways: dict[Kind, str] = _json(node, script, call)
    return ways


def example(node: str, method: str, path: str) -> dict[str, Any]:
    """Return what the page would send to a route."""
    script = (
        f"import {{ example }} from {json.dumps((LIB / 'snippets-calls.js').as_uri())};"
        "console.log(JSON.stringify(example(...JSON.parse(process.argv[1]))));"
    )
    return _json(node, script, [method, path]) or {}


def _json(node: str, script: str, argument: Any) -> Any:
    command = [node, "--no-warnings", "--input-type=module", "-e", script, json.dumps(argument)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def chat(content: str = NASTY, **more: Any) -> dict[str, Any]:
    return {"model": "grok-4", "messages": [{"role": "user", "content": content}], **more}


def run_shell(code: str, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    environ = {**os.environ, "GROKGATE_KEY": KEY, "NO_PROXY": "127.0.0.1", "HOME": str(folder)}
    subprocess.run(
        ["/bin/sh", "-c", code],
        env=environ,
        cwd=folder,
        capture_output=True,
        timeout=30,
        check=True,
    )


def run_python(code: str, folder: Path) -> None:
    """Run a snippet up to its answer; what it prints of an empty one is nobody's business."""
    sent = code.partition("\nreply = ")[2] and re.sub(r"\nprint\(.*", "", code)
    environ = {**os.environ, "GROKGATE_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", sent or code],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_curl_line_is_one_command_of_plain_words(node: str) -> None:
    code = written(node, base="https://gate.example/ai", path="/v1/chat/completions", body=chat())

    words = shlex.split(code["curl"].replace("\\\n", ""))

    assert words[:2] == ["curl", "https://gate.example/ai/v1/chat/completions"]
    assert "Authorization: Bearer $GROKGATE_KEY" in words
    assert json.loads(words[words.index("-d") + 1]) == chat()


def test_curl_line_sends_the_body_and_the_key(node: str, echo: Echo, tmp_path: Path) -> None:
    code = written(
        node, base=echo.base, path="/v1/chat/completions", body=chat(temperature=0.5), stream=True
    )

    run_shell(code["curl"], tmp_path)

    heard = echo.heard.get(timeout=5)
    assert (heard.method, heard.path) == ("POST", "/v1/chat/completions")
    assert json.loads(heard.body) == chat(temperature=0.5, stream=True)
    assert heard.headers["authorization"] == f"Bearer {KEY}"


def test_curl_line_sends_text_of_a_form_as_text(node: str, echo: Echo, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"picture")
    form = {"image": "@photo.png", "prompt": "<no file; type=text/x"}
    code = written(node, base=echo.base, path="/v1/images/edits", form=form)

    run_shell(code["curl"], tmp_path)

    body = echo.heard.get(timeout=5).body
    assert b"\r\n\r\npicture\r\n" in body
    assert b"\r\n\r\n<no file; type=text/x\r\n" in body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/v1/chat/completions", chat(deepsearch="default"), id="foreign-field"),
        pytest.param("/v1/images/generations/nsfw", {"prompt": NASTY, "n": 2}, id="own-route"),
        pytest.param("/v1/messages", chat(max_tokens=9), id="anthropic"),
    ],
)
def test_python_code_sends_the_body(
    node: str, echo: Echo, tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    code = written(node, base=echo.base, path=path, body=body)

    run_python(code["python"], tmp_path)

    heard = echo.heard.get(timeout=5)
    assert (heard.method, heard.path) == ("POST", path)
    assert json.loads(heard.body) == body
    assert KEY in heard.headers.get("authorization", "") + heard.headers.get("x-api-key", "")


def test_python_code_sends_a_file(node: str, echo: Echo, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"picture")
    code = written(node, base=echo.base, path="/v1/uploads/image", form={"file": "@photo.png"})

    run_python(code["python"], tmp_path)

    heard = echo.heard.get(timeout=5)
    assert heard.headers["content-type"].startswith("multipart/form-data")
    assert b"picture" in heard.body


def test_arguments_are_those_of_the_python_sdks(node: str) -> None:
    clients = {
        "openai": openai.OpenAI(api_key="none"),
        "anthropic": anthropic.Anthropic(api_key="none"),
    }
    script = (
        f"import {{ sdkFunctions }} from {json.dumps((LIB / 'snippets-calls.js').as_uri())};"
        "console.log(JSON.stringify(sdkFunctions()));"
    )

    unknown = [
        (function["python"], name)
        for function in _json(node, script, None)
        for name in (function.get("takes") or "").split()
        if name not in _parameters(clients[function["sdk"]], function["python"])
    ]

    assert unknown == []


def _parameters(client: object, name: str) -> set[str]:
    function = reduce(getattr, name.split("."), client)
    return set(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_node_code_parses(node: str, tmp_path: Path) -> None:
    odd: dict[str, Any] = {"__proto__": {"x": 1}, "a-b": None, "stream_options": {}}
    body = chat(**odd)
    calls: list[dict[str, Any]] = [
        {"path": "/v1/chat/completions", "body": body, "stream": True},
        {"path": "/v1/images/edits", "form": {"image": "@a b.png", "prompt": NASTY}},
        {"path": "/v1/videos/{video_id}", "method": "DELETE"},
    ]

    for number, call in enumerate(calls):
        file = tmp_path / f"{number}.mjs"
        file.write_text(written(node, base="https://gate.example", **call)["node"])
        subprocess.run([node, "--check", file], timeout=30, check=True)


def test_stream_is_asked_for_or_not(node: str) -> None:
    call: dict[str, Any] = {
        "base": "http://gate",
        "path": "/v1/responses",
        "body": {"input": "x", "stream": True},
    }

    assert "stream=True" in written(node, **call, stream=True)["python"]
    assert "stream" not in written(node, **call, stream=False)["python"]


def test_socket_has_no_snippet(node: str) -> None:
    assert written(node, base="http://gate", path="/v1/responses", method="WEBSOCKET") == {}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/images/edits", "/v1/videos"])
def test_route_has_an_example(node: str, path: str) -> None:
    found = example(node, "POST", path)

    assert "prompt" in str(found) or "messages" in str(found)
