"""What is served of the admin UI itself (V31)."""

import re

from grokgate.admin.assets import Assets, static_folder


def shipped() -> dict[str, bytes]:
    found = Assets(static_folder("grokgate_admin_ui")).latest().files
    return {name: asset.content for name, asset in found.items()}


def test_no_served_file_names_another_host() -> None:
    """V31."""
    own = {name: text for name, text in shipped().items() if not name.startswith("vendor/")}
    allowed = re.compile(rb"https?://(?:www\.w3\.org/|(?:127\.0\.0\.1|localhost)\b|\$\{)")
    foreign = {
        (name, address.decode())
        for name, text in own.items()
        for address in re.findall(rb"https?://[^\s\"'`<>)]+", text)
        if not allowed.match(address)
    }

    assert own
    assert {address for _, address in foreign if not is_example(address)} == set()


def is_example(address: str) -> bool:
    """Tell whether an address cannot belong to anybody (RFC 2606)."""
    host = address.split("/")[2].partition(":")[0]
    return host.endswith((".example", ".test", ".invalid", "example.com", "example.org"))


def test_document_has_no_script_or_style_of_its_own() -> None:
    """V31: neither would run."""
    text = shipped()["index.html"].decode()

    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|<base|importmap|javascript:", text) == []


def test_document_names_files_that_are_there() -> None:
    found = shipped()
    names = re.findall(r"\{\{root\}\}ui/\{\{build\}\}/([^\"]+)", found["index.html"].decode())

    assert [name for name in names if name not in found] == []
