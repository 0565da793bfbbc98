"""The playground and the page for visitors: talk, pictures, videos, gallery (F-UI-80 to 85)."""

import re
import zipfile
from collections.abc import Mapping

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from grokgate.sandbox import default_accounts
from ui.browser_world import NARROW, WIDE, OpenPage, assert_accessible, assert_fits, look, settled
from ui.ui_world import BASE, KEY, PASSWORD, World

pytestmark = pytest.mark.e2e

PAGE = "/admin/chat"
SLOWLY = "@sim scenario=long tokens=400 delay_ms=50\nTell me a long story"
THINKING = "@sim scenario=thinking\nHello there"
FAILING = "@sim fault=rate_limit place=http\nHello there"
_KEPT = """async () => {
    const open = indexedDB.open("grokgate-playground", 1);
    await new Promise((done) => { open.onsuccess = done; });
    const asked = open.result.transaction("conversations").objectStore("conversations").getAll();
    await new Promise((done) => { asked.onsuccess = done; });
    return JSON.stringify([asked.result, {...localStorage}, {...sessionStorage}]);
}"""


@pytest.fixture(scope="module")
def environ() -> Mapping[str, str]:
    """With all that can be tried."""
    return {"UI__PUBLIC_CHAT": "true", "DOWNSTREAM__ENABLE_IMAGES_NSFW": "true"}


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    """A gateway that can make everything; what it was asked before does not matter here."""
    bare_gateway.add(*default_accounts(6))
    return bare_gateway


def log_in(page: Page) -> None:
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    settled(page, "chat")


def ask(page: Page, text: str) -> None:
    """Send a question with the keyboard, once a model is known."""
    page.get_by_label("Ask anything").fill(text)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    page.keyboard.press("Control+Enter")


def answered(page: Page, count: int = 1) -> Locator:
    """Wait for the end of so many answers; returns the last one."""
    expect(page.locator(".turn-foot")).to_have_count(count)
    return page.locator(".turn-answer").last


def test_answer_comes_with_reasoning_and_figures_and_is_kept(page: Page) -> None:
    page.goto(PAGE)
    ask(page, THINKING)
    answer = answered(page)
    expect(answer.get_by_role("button", name="Thought for")).to_have_attribute(
        "aria-expanded", "false"
    )
    expect(answer).to_contain_text("First byte")
    link = answer.get_by_role("link", name=re.compile("^req_")).get_attribute("href") or ""
    assert "/admin/datacenter?view=requests&request=req_" in link

    page.reload()

    expect(answered(page)).to_contain_text("Hello there")
    assert "sk-" not in page.evaluate(_KEPT)


def test_answer_is_stopped_and_asked_for_again(page: Page) -> None:
    page.goto(PAGE)
    ask(page, SLOWLY)
    expect(page.locator(".turn-answer .markdown")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Stop", exact=True).click()

    expect(page.locator(".turn-answer")).to_have_count(1)


def test_question_is_changed_and_sent_again(page: Page) -> None:
    page.goto(PAGE)
    ask(page, "First")
    answered(page)
    ask(page, "Second")
    answered(page, 2)
    question = page.get_by_role("article", name="You").first
    question.hover()
    question.get_by_role("button", name="Edit and send again").click()
    page.get_by_role("textbox", name="Edit and send again").fill("Changed")
    page.keyboard.press("Control+Enter")

    expect(answered(page)).to_contain_text("Changed")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".bubble")).to_have_text(["First", "Second"])


def test_attached_file_goes_along_and_the_request_is_shown(page: Page) -> None:
    page.goto(PAGE)
    note = FilePayload(name="note.txt", mimeType="text/plain", buffer=b"Kites fly.")
    page.locator(".composer input[type=file]").set_input_files(note)
    ask(page, "What is this?")

    expect(answered(page)).to_contain_text("1 attachment: note.txt")
    page.get_by_role("button", name="Show request").click()
    shown = page.get_by_role("dialog", name="Show request")
    expect(shown).to_contain_text("file-")
    shown.get_by_role("tab", name="Answer").click()
    expect(shown).to_contain_text("chat.completion.chunk")
    shown.get_by_role("tab", name="Code").click()
    expect(shown).to_contain_text("$GROKGATE_KEY")
    assert_accessible(page)


def test_refusal_is_told_in_words_with_code_and_request(page: Page, opener: OpenPage) -> None:
    opener.expect_status(429, "/v1/chat/completions")
    page.goto(PAGE)
    ask(page, FAILING)
    problem = page.locator(".problem")

    expect(problem).to_contain_text("No account is free")
    expect(problem).to_contain_text("rate_limit_exceeded")
    expect(problem.get_by_role("link", name="Explain")).to_be_visible()


def test_conversation_is_renamed_deleted_while_it_is_answered_and_brought_back(page: Page) -> None:
    page.goto(PAGE)
    ask(page, SLOWLY)
    listed = page.get_by_role("list", name="Conversations")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="Title").fill("New name")
    page.keyboard.press("Enter")
    expect(listed).to_contain_text("New name")
    expect(page.locator(".turn-answer .markdown")).to_be_visible()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(listed).not_to_contain_text("New name")
    page.get_by_role("button", name="Undo").click()
    listed.get_by_role("button", name=re.compile("^New name")).click()

    expect(page.get_by_text("Stopped.")).to_be_visible()


def test_response_continues_what_the_gateway_keeps(page: Page) -> None:
    page.goto(f"{PAGE}?tab=responses")
    page.get_by_role("button", name="Parameters").click()
    page.get_by_role("switch", name="Continue on the gateway").click()
    ask(page, "First")
    answered(page)
    ask(page, "Second")
    answered(page, 2).get_by_role("button", name="Show request").click()

    shown = page.get_by_role("dialog", name="Show request")
    expect(shown).to_contain_text("previous_response_id")
    expect(shown).not_to_contain_text("First")


@pytest.mark.parametrize("form", ["Link", "Base64"])
def test_picture_is_made_saved_and_changed(page: Page, form: str) -> None:
    page.goto(f"{PAGE}?tab=image")
    page.get_by_text(form, exact=True).click()
    page.get_by_label("Prompt").fill("A red kite")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Show a-red-kite-01").click()
    shown = page.get_by_role("dialog", name="Picture 1 of 2")
    with page.expect_download() as saved:
        shown.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == "a-red-kite-01.jpg"
    shown.get_by_role("button", name="Edit").click()
    page.get_by_label("Prompt").fill("Make it blue")
    expect(page.get_by_role("button", name="Remove a-red-kite-01.jpg")).to_be_visible()
    page.get_by_role("button", name="Change", exact=True).click()

    expect(page.get_by_role("button", name="Show make-it-blue-01")).to_be_visible()


def test_link_chooses_the_model_once(page: Page) -> None:
    page.goto(f"{PAGE}?tab=video&model=some-model")

    expect(page.get_by_role("combobox", name="Model")).to_have_value("some-model")
    expect(page).to_have_url(re.compile(r"\?tab=video$"))
    page.get_by_role("combobox", name="Model").fill("grok-imagine-1.0-video")
    page.keyboard.press("Enter")


def test_streamed_pictures_come_on_a_phone(page: Page) -> None:
    look(page, width=NARROW, theme="light")
    page.goto(f"{PAGE}?tab=nsfw")
    page.get_by_role("switch", name="Stream").click()
    page.get_by_label("Prompt").fill("A kite")
    page.get_by_role("button", name="Make pictures").click()

    expect(page.get_by_role("button", name="Show a-kite-02")).to_be_visible()
    assert_fits(page)
    assert_accessible(page)
    for view in ("Image edits", "Video", "Endless"):
        page.get_by_role("tab", name=re.compile(f"^{view[:-1]}")).click()
        assert_fits(page)
    look(page, width=WIDE, theme="light")


def test_video_is_made_and_played(page: Page) -> None:
    page.goto(f"{PAGE}?tab=video")
    page.get_by_label("Prompt").fill("Waves at dusk")
    page.get_by_role("button", name="Make the video").click()
    page.get_by_role("button", name="Play: Waves at dusk").click()

    expect(page.locator("video")).to_have_js_property("paused", value=False)


def test_gallery_runs_until_it_is_stopped_and_is_zipped(page: Page) -> None:
    page.goto(f"{PAGE}?tab=gallery")
    page.get_by_label("Prompt").fill("A kite")
    page.get_by_role("button", name="Start").click()
    picked = page.get_by_role("checkbox", name=re.compile("a-kite-0[12]"))
    expect(picked).to_have_count(2)
    page.get_by_role("button", name="Stop", exact=True).click()
    for number in range(2):
        picked.nth(number).click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download as zip").click()

    with zipfile.ZipFile(saved.value.path()) as file:
        assert sorted(file.namelist()) == ["a-kite-01.jpg", "a-kite-02.jpg"]


def test_logout_stops_what_is_being_made(opener: OpenPage) -> None:
    opener.expect_status(401, BASE)  # what was asked shortly before the logout
    page = opener.new(logged_in=False)
    page.goto(f"/login?next={PAGE}")
    log_in(page)
    ask(page, SLOWLY)
    expect(page.locator(".turn-answer .markdown")).to_be_visible()
    page.get_by_role("tab", name="Endless").click()
    page.get_by_label("Prompt").fill("A kite")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("checkbox", name="a-kite-01")).to_be_visible()
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Log out").click()
    log_in(page)

    expect(page.get_by_role("button", name="Start")).to_be_visible()
    page.get_by_role("tab", name="Chat").click()
    page.locator(".history").get_by_text("@sim scenario=long").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()


def test_visitor_gives_a_key_that_is_forgotten(opener: OpenPage) -> None:
    opener.expect_status(401, "/v1/models")
    page = opener("/chat", logged_in=False, width=NARROW, language="zh")
    page.get_by_label("API 密钥").fill("sk-wrong-0123456789abcdef")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("API 密钥").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_label("输入问题").fill("Hello there")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".turn-foot")).to_be_visible()
    assert_fits(page)
    assert_accessible(page)

    page.reload()

    expect(page.get_by_label("API 密钥")).to_have_value("")
