"""The reference page says what the sandbox is."""

import re
from typing import get_args

import pytest

from grokgate.sandbox import AccountFixture, Sandbox
from grokgate.sandbox.directive import ScenarioName
from sandbox.sim_client import ask
from sandbox.sim_reference import PAGE, written

pytestmark = pytest.mark.anyio
PAGE_TEXT = PAGE.read_text()
CALLS = re.findall(r"^\| `(\w+) (/__sim/\S+)` \|(?: `(.*?)`)?", PAGE_TEXT, re.MULTILINE)

EVERY_LINE = re.MULTILINE | re.DOTALL


def test_page_is_up_to_date() -> None:
    """Run ``PYTHONPATH=core:tests python -m sandbox.sim_reference`` if it is not."""
    assert written(PAGE_TEXT) == PAGE_TEXT


def test_page_names_every_scenario() -> None:
    table = PAGE_TEXT.partition("| Scenario |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(get_args(ScenarioName))


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=str)
async def test_control_call_of_the_page_exists(method: str, path: str, body: str) -> None:
    sandbox = Sandbox([AccountFixture(token="t")])
    path = path.replace("{token}", "t").replace("since=n", "since=0")
    content = body.encode() or (b"[]" if method == "PUT" else None)
    answer = await ask(sandbox.app, method, path, content, sent={})

    assert answer.status == 200


async def test_accounts_of_the_page_can_be_put() -> None:
    (example,) = re.findall(r"^curl -X PUT \S+/__sim/accounts -d '(.*?)'$", PAGE_TEXT, EVERY_LINE)
    sandbox = Sandbox([AccountFixture(token="t")])
    answer = await ask(sandbox.app, "PUT", "/__sim/accounts", example.encode(), sent={})
    (account,) = sandbox.accounts

    assert answer.status == 200
    assert account.window("fast").remaining == 2
    assert account.window("fast").window_s == 600


def test_page_refers_to_no_section_of_another_document() -> None:
    assert re.findall(r"\(\d+\.\d+\)", PAGE_TEXT) == []
