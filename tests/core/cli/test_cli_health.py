import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from grokgate.testing.server import kept_port

Run = Callable[..., Any]


class Service(BaseHTTPRequestHandler):
    """Up, but not taking new work."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_request(self, *_args: object) -> None:
        """Keep the terminal for what the command says."""


@contextmanager
def service() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_service_that_answers_is_healthy(
    run: Run, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with service() as port:
        monkeypatch.setenv("SERVER_HOST", host)
        monkeypatch.setenv("SERVER_PORT", str(port))

        assert run("health") == (0, "", "")


def test_a_service_that_takes_no_new_work_is_not_ready(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service() as port:
        monkeypatch.setenv("SERVER_PORT", str(port))

        asked = run("health", "--ready")

    assert asked.code == 1
    assert asked.err == f"grokgate: /ready of 127.0.0.1 port {port}: status 503\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", "SERVER_HOST=0.0.0.0\nexport SERVER_PORT={port} # ours\n"),
        ("data/config.toml", "[server]\nport = {port}\n"),
    ],
)
def test_address_is_read_where_the_service_reads_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(exist_ok=True)
    for name in ("SERVER_HOST", "SERVER_PORT", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    with service() as port:
        (tmp_path / file).write_text(text.format(port=port))

        assert run("health") == (0, "", "")


def test_variable_is_stronger_than_the_file_beside_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SERVER_PORT=9\n")
    with service() as port:
        monkeypatch.setenv("SERVER_PORT", str(port))

        assert run("health") == (0, "", "")


def test_no_service_is_not_healthy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with kept_port() as port:
        monkeypatch.setenv("SERVER_PORT", str(port))

        asked = run("health")

    assert asked.code == 1
    assert "Connection refused" in asked.err


def test_a_port_that_is_no_number_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_PORT", "http")

    asked = run("health")

    assert asked.code == 1
    assert "nonnumeric port: 'http'" in asked.err
