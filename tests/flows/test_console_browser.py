"""The console in a real browser: scripts, both languages and themes, any width, and what axe finds."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests import groups
from tests.chromium import ChromiumMissing, find_chromium
from tests.server_process import KEY, ServerProcess

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
HOSTILE = "<img src=x onerror=document.title='owned'>"
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Kept by CI, never by git.
SHOTS = Path(os.environ.get("ZHIKU_TEST_SHOTS", "artifacts/console"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    try:
        path = find_chromium()
    except ChromiumMissing as error:
        groups.leave_out("browser tests", str(error))
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server with one dataset of hostile names."""
    server = ServerProcess(tmp_path_factory.mktemp("console") / "data", ZHIKU_CONSOLE_PASSWORD=PASSWORD)
    server.start()
    server.wait_healthy()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def dataset_id(server: ServerProcess) -> str:
    """A dataset with one document in its second version, both of a hostile name."""
    with httpx.Client(base_url=server.url + "/v1", headers={"Authorization": f"Bearer {KEY}"}) as api:
        body = {"name": HOSTILE[:40], "description": HOSTILE, "indexing_technique": "economy"}
        made = api.post("/datasets", json=body).json()["id"]
        path = f"/datasets/{made}/document/create-by-text"
        text = f"Owls hunt at night. {HOSTILE}"
        document = api.post(path, json={"name": HOSTILE, "text": f"{text} Not any more."}).json()["document"]["id"]
        path = f"/datasets/{made}/documents/{document}"
        wait_for(lambda: api.get(path), "completed_at")
        api.post(f"{path}/update-by-text", json={"text": text}).raise_for_status()
        wait_for(lambda: api.get(f"{path}/versions"), "total")
    return made


@pytest.fixture(scope="module")
def evaluated(server: ServerProcess, dataset_id: str) -> str:
    """The page of an evaluation with a question of a hostile name, all asked."""
    question = {"query": HOSTILE, "answers": [{"document": HOSTILE}]}
    path = f"/v1/datasets/{dataset_id}"
    with httpx.Client(base_url=server.url + path, headers={"Authorization": f"Bearer {KEY}"}) as api:
        made = api.post("/question-sets", json={"name": HOSTILE, "questions": [question]}).json()
        run = wait_for(lambda: api.post("/evaluations", json={"question_set_id": made["id"]}), "id")
        wait_for(lambda: api.get(f"/evaluations/{run['id']}"), "ended_at")
    return f"/console/datasets/{dataset_id}/evaluation/runs/{run['id']}"


def wait_for(ask: Callable[[], httpx.Response], field: str) -> dict[str, Any]:
    """Return the first reply that has the field."""
    deadline = time.monotonic() + 30
    while not (body := ask().json()).get(field):
        assert time.monotonic() < deadline, body
        time.sleep(0.05)
    return body


@pytest.fixture
def context(browser: Browser, server: ServerProcess) -> Iterator[BrowserContext]:
    """A window of its own, which fails the test for anything a page complains of."""
    context = browser.new_context(base_url=server.url, locale="en-GB", viewport={"width": 1280, "height": 800})
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A refusal is noted by the browser itself.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            problems.append(message.text)

    context.on("console", note)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page that is signed in."""
    page = context.new_page()
    sign_in(page)
    return page


def sign_in(page: Page) -> None:
    page.goto("/console/")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/console/datasets")


def test_a_newcomer_makes_a_dataset_drops_a_file_and_sees_it_become_searchable(page: Page) -> None:
    page.click("text=New dataset")
    page.fill("input[name=name]", "Birds")
    page.check("input[value=economy]")
    page.click("button:has-text('Create')")
    expect(page.locator(".notice")).to_contain_text("“Birds” is ready")
    page.set_input_files(
        "input[type=file]",
        [
            {"name": "owls.txt", "mimeType": "text/plain", "buffer": b"Owls hunt at night."},
            {"name": "herons.md", "mimeType": "text/markdown", "buffer": "# 苍鹭\n\n苍鹭在水边站立。".encode()},
        ],
    )
    # The list renews itself: nothing is loaded again by hand.
    expect(page.locator(".status.is-available")).to_have_count(2, timeout=30_000)
    page.click(".tabs >> text=Retrieval lab")
    page.fill("input[name=query]", "苍鹭站在哪里")
    page.click("button:has-text('Ask')")
    expect(page.locator(".card .text").first).to_contain_text("苍鹭在水边站立。")


def test_the_segments_of_a_file_are_shown_beside_the_form_and_the_file_is_uploaded_from_there(page: Page) -> None:
    page.goto("/console/datasets/new")
    page.fill("input[name=name]", "Looked at")
    page.check("input[value=economy]")
    page.click("button:has-text('Create')")
    page.click("text=Or look at the segments first.")
    text = b"Owls hunt at night.\n\nHerons stand still."
    page.set_input_files("input[type=file]", {"name": "birds.txt", "mimeType": "text/plain", "buffer": text})
    page.check("input[value=custom]")
    page.click("summary:has-text('unless automatic')")
    page.fill("input[name=separator]", "\\n\\n")
    page.click("button:has-text('Show segments')")
    expect(page.locator("#preview .card")).to_have_count(2, timeout=30_000)
    page.click("button:has-text('Upload with this rule')")
    expect(page.locator(".status.is-available")).to_have_count(1, timeout=30_000)


def test_a_file_that_cannot_be_read_is_named_beside_the_field(page: Page) -> None:
    page.goto("/console/datasets/new")
    page.fill("input[name=name]", "Programs")
    page.click("button:has-text('Create')")
    with page.expect_response("**/documents/upload") as answer:
        page.set_input_files("input[type=file]", {"name": "a.exe", "mimeType": "x/y", "buffer": b"MZ"})
    assert answer.value.status == 415
    expect(page.locator("[data-sending] .is-error")).to_contain_text("a.exe: Files of this type cannot be read.")


def test_two_browsers_see_each_others_progress(browser: Browser, server: ServerProcess, page: Page) -> None:
    page.goto("/console/datasets/new")
    page.fill("input[name=name]", "Shared")
    page.check("input[value=economy]")
    page.click("button:has-text('Create')")
    other = browser.new_context(base_url=server.url, locale="zh-CN").new_page()
    sign_in(other)
    other.goto(page.url)
    page.set_input_files("input[type=file]", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"Cats sleep."})
    expect(page.locator(".status.is-available")).to_have_count(1, timeout=30_000)
    other.reload()
    expect(other.locator(".status.is-available")).to_have_text("可用")
    other.context.close()


def test_the_keyboard_reaches_search_lists_and_help(page: Page, dataset_id: str) -> None:
    page.goto("/console/datasets")
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("main").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("a.strong").first).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.goto(f"/console/datasets/{dataset_id}/lab")
    page.locator("main").focus()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/console/datasets")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_every_page_fits_and_axe_finds_nothing(
    page: Page, dataset_id: str, evaluated: str, language: str, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/console/choose?language={language}&theme={theme}&next=/console/datasets")
    base = f"/console/datasets/{dataset_id}"
    page.goto(f"{base}/documents")
    document = page.locator("a.strong").get_attribute("href") or ""
    paths = ["/console/datasets", "/console/datasets/new", f"{base}/documents", f"{base}/documents/new"]
    paths += [f"{base}/documents/preview", f"{document}/versions", f"{document}/versions/1"]
    paths += [document, f"{base}/lab?query=owls&method=keyword_search", f"{base}/settings", f"{base}/api"]
    paths += [f"{base}/evaluation", evaluated, "/console/apps", "/console/keys", "/console/system"]
    SHOTS.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        page.goto(path)
        page.screenshot(path=SHOTS / f"{language}-{theme}-{width}-{number}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.title() != "owned"
        assert page.locator("main img").count() == 0
        if width == 1280:
            found = Axe().run(page, options=WCAG)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def test_the_sign_in_page_is_clean_too(context: BrowserContext, server: ServerProcess) -> None:
    page = context.new_page()
    page.goto("/console/sign-in")
    found = Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('main').innerHTML = '<input>'")
    assert Axe().run(page, options=WCAG).violations_count > 0


def test_no_page_asks_another_host_for_anything(
    context: BrowserContext, server: ServerProcess, dataset_id: str
) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    sign_in(page)
    page.goto(f"/console/datasets/{dataset_id}/documents")
    assert [url for url in asked if not url.startswith((server.url, "data:"))] == []
