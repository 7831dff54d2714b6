"""The script of the board in a real browser, on labs in memory: what needs no real host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from labctl.classroom import helper
from tests.fakes.lab import path_of
from tests.fakes.neighbour import another_labctl
from tests.lab.browser import running_chromium
from tests.lab.program import wait_until
from tests.unit.board.conftest import Place, place

# Milliseconds.
PATIENCE = 30_000
TWENTY_MINUTES_AHEAD = "const now = Date.now; Date.now = () => now() + 1200 * 1000;"
# What a page has that was not loaded with HTTPS from another machine.
WITHOUT_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
STATE, SCREEN = ".terminal .state", ".terminal .screen"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helper, "_LOGIN_SECONDS", 0.2)
        with place(tmp_path_factory.mktemp("board")) as found:
            yield found


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, made: Place) -> Iterator[Open]:
    """Open a browser of its own, log in, and go to a page."""
    contexts = []
    wrong: list[str] = []

    def open_one(path: str, *, seat: int = 0, script: str = "", **options: Any) -> Page:
        context = chromium.new_context(locale="en", base_url=made.board.origin, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/")
        codes = made.board.codes
        page.fill("#code", codes.of_seat(seat) if seat else codes.instructor)
        page.click(".main-button")
        page.wait_for_url(re.compile("/(board|me)$"))
        page.goto(path)
        return page

    expect.set_options(timeout=PATIENCE)
    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


def screen_of(page: Page) -> str:
    script = """() => {
      const buffer = window.shells?.[0]?.terminal.buffer.active;
      if (!buffer) return "";
      return [...Array(buffer.length).keys()]
        .map(line => buffer.getLine(line).translateToString(true)).join("\\n");
    }"""
    return str(page.evaluate(script))


def ready(page: Page) -> None:
    """Wait until the first terminal shows its login."""
    is_ready = "window.shells?.[0]?.isCatchingUp === false"
    wait_until(lambda: bool(page.evaluate(is_ready)), "no terminal", 30)
    wait_until(lambda: " on host" in screen_of(page), "no login", 30)


def test_ages_are_right_though_the_clock_of_the_browser_is_not(open_page: Open) -> None:
    page = open_page("/board", script=TWENTY_MINUTES_AHEAD)
    age = page.locator("#seat-1 td.age")
    expect(age).to_have_text(re.compile(r"^\d+ ?s(ec)?\.? ago$"))


def test_a_form_of_an_old_login_leads_to_the_login(open_page: Open) -> None:
    page = open_page("/board")
    page.click("#seat-1 th a")
    page.context.clear_cookies()
    page.click("dialog[open] form[action$='/note'] button")
    page.wait_for_url("**/login")


@pytest.mark.parametrize("opened", ["dialog", "page"])
def test_check_now_brings_the_new_row_into_the_open_window(
    open_page: Open, made: Place, opened: str
) -> None:
    page = open_page("/board" if opened == "dialog" else "/seats/1")
    if opened == "dialog":
        page.click("#seat-1 th a")
    part = page.locator("dialog[open] .seat-part" if opened == "dialog" else ".seat-part")
    page.fill("#note-text", "being typed")
    files = made.room.world(1).hosts["host1"].files
    kept = files.pop(path_of("postfix"))
    try:
        part.locator("form[action$='/check'] button").click()
        expect(part.locator(".cell.wrong").first).to_be_visible()
        expect(part.locator("[data-answer]")).to_have_text("")
        expect(page.locator("#note-text")).to_have_value("being typed")
    finally:
        files[path_of("postfix")] = kept
    expect(part.locator(".cell.wrong")).to_have_count(0)


def test_check_now_says_that_nothing_is_graded_yet(open_page: Open, made: Place) -> None:
    page = open_page("/me", seat=2)
    assert made.board.collector.hold(2, "drill")
    try:
        page.click("form[action$='/check'] button")
        expect(page.locator("form[action$='/check'] output")).to_have_text(
            "the seat is being checked"
        )
    finally:
        made.board.collector.release(2)
    expect(page.locator("form[action$='/check'] output")).to_have_text("")


def test_copying_works_without_a_clipboard(open_page: Open) -> None:
    page = open_page("/me", seat=1, script=WITHOUT_CLIPBOARD)
    ready(page)
    page.locator(SCREEN).first.click()
    page.evaluate("window.shells[0].terminal.selectAll()")
    page.keyboard.press("Control+Shift+KeyC")
    assert page.evaluate("window.shells[0].box.contains(document.activeElement)")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('textarea'), {id: 'to'}))"
    )
    page.focus("#to")
    page.keyboard.press("Control+KeyV")
    assert "host1" in page.input_value("#to")


def test_f6_leaves_a_terminal(open_page: Open) -> None:
    page = open_page("/me", seat=1)
    ready(page)
    first, second = (page.locator("section.terminal").nth(each) for each in (0, 1))
    expect(first.locator("h3")).to_contain_text("F6")
    first.locator(".screen").click()
    for key in ("Tab", "Shift+Tab", "Escape"):
        page.keyboard.press(key)
        expect(first.locator("textarea")).to_be_focused()
    page.keyboard.press("F6")
    expect(first.locator(".after")).to_be_focused()
    expect(first).not_to_have_class(re.compile("focus"))
    page.keyboard.press("Tab")
    expect(second.locator("a")).to_be_focused()
    page.keyboard.press("Tab")
    expect(second.locator("textarea")).to_be_focused()
    page.keyboard.press("Shift+F6")
    expect(second.locator("h3")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(first.locator("textarea")).to_be_focused()


def test_the_focus_is_kept_though_rows_are_renewed_and_sorted(open_page: Open, made: Place) -> None:
    page = open_page("/board")
    page.select_option("[name=order]", "stuck")
    link = "#seat-1 th a"
    page.focus(link)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    made.board.collector.note(1, "renewed")
    expect(page.locator("#seat-1 .note")).to_have_text("renewed")
    page.keyboard.press("Escape")
    expect(page.locator(link)).to_be_focused()
    # The row gets another place, because its seat is now at a section.
    files = made.room.world(2).hosts["host1"].files
    page.focus("#seat-2 th a")
    kept = files.pop(path_of("postfix"))
    try:
        expect(page.locator("tbody tr").first).to_have_id("seat-2")
        expect(page.locator("#seat-2 th a")).to_be_focused()
    finally:
        files[path_of("postfix")] = kept
        made.board.collector.note(1, "")


def test_a_terminal_in_its_own_window_leads_to_the_login_after_logging_out(
    open_page: Open,
) -> None:
    page = open_page("/seats/1/terminals/host1", seat=1)
    ready(page)
    other = page.context.new_page()
    other.goto("/me")
    other.click("form[action='/logout'] button")
    page.wait_for_url("**/login")


def test_a_terminal_says_why_it_waits_until_it_is_back(open_page: Open, made: Place) -> None:
    host = made.room.world(2).hosts["host2"]
    host.running = False
    try:
        # Of the instructor: a student's terminal may still be open.
        page = open_page("/seats/2/terminals/host2")
        expect(page.locator(STATE)).to_contain_text("does not run")
    finally:
        host.running = True
    ready(page)
    expect(page.locator(STATE)).to_have_text("")
    page.context.set_offline(True)
    page.evaluate("window.shells[0].socket.close()")
    expect(page.locator(STATE)).to_contain_text("Connection lost")
    page.context.set_offline(False)
    expect(page.locator(STATE)).to_have_text("")


def test_a_terminal_says_that_the_seat_is_being_reset(open_page: Open) -> None:
    page = open_page("/seats/2/terminals/host1", seat=2)
    ready(page)
    page.evaluate("""() => {
      const state = document.querySelector(".terminal .state");
      window.said = [];
      new MutationObserver(() => window.said.push(state.textContent))
        .observe(state, { childList: true });
    }""")
    teacher = open_page("/seats/2")
    teacher.on("dialog", lambda dialog: dialog.accept())
    teacher.click("form[action$='/reset'] button")
    expect(teacher.locator("[data-answer]")).to_contain_text("is back")
    wait_until(lambda: page.evaluate("window.said.at(-1)") == "", "the terminal is not back", 30)
    said = page.evaluate("window.said")
    assert said[0].startswith("The seat is being reset") and set(said) == {said[0], ""}
    teacher.click("form[action$='/undo'] button")
    expect(teacher.locator("[data-answer]")).to_contain_text("before its reset")


def test_a_terminal_comes_back_by_itself_after_a_reset_on_the_command_line(
    open_page: Open, made: Place
) -> None:
    page = open_page("/seats/2/terminals/host1", seat=2)
    mine = open_page("/me", seat=2)
    teacher = open_page("/board")
    ready(page)
    with another_labctl(made.room.roll.seat(2).lab_name, "class", "reset", "2"):
        expect(teacher.locator("#seat-2 .busy")).to_have_text("reset is running")
        expect(mine.locator(".busy")).to_contain_text("The terminals come back")
        page.locator(SCREEN).click()
        page.keyboard.press("Control+KeyD")
        expect(page.locator(STATE)).to_contain_text("being reset")
    expect(page.locator(STATE)).to_have_text("")
    ready(page)
    expect(teacher.locator("#seat-2 .busy")).to_have_count(0)


def test_a_button_keeps_the_focus_when_it_was_pressed(open_page: Open) -> None:
    page = open_page("/board")
    page.click("#seat-1 th a")
    button = page.locator("dialog[open] form[action$='/check'] button")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] [data-answer]")).not_to_have_text("…")
    expect(button).to_be_enabled()
    expect(button).to_be_focused()


def test_what_is_selected_stays_selected_when_the_seat_is_graded_again(
    open_page: Open, made: Place
) -> None:
    """A hint has commands to copy."""
    page = open_page("/me", seat=1)
    files = made.room.world(1).hosts["host1"].files
    kept = files.pop(path_of("postfix"))
    try:
        expect(page.locator(".detail").first).to_be_visible()
        # The grading that the change began has ended.
        looked = made.board.collector.row(1).looked
        made.board.collector.look_again(1)
        wait_until(lambda: made.board.collector.row(1).looked > looked, "not graded", 30)
        before = str(made.board.collector.row(1).looked)
        expect(page.locator("#seat-1")).to_have_attribute("data-looked", before)
        page.locator(".detail .what").first.select_text()
        selected = page.evaluate("getSelection().toString()")
        made.board.collector.look_again(1)
        expect(page.locator("#seat-1")).not_to_have_attribute("data-looked", before)
        assert page.evaluate("getSelection().toString()") == selected != ""
        age = page.locator(".summary time")
        expect(age).to_have_text(re.compile(r"^\d ?s(ec)?\.? ago$"))
    finally:
        files[path_of("postfix")] = kept
    expect(page.locator(".cell.wrong")).to_have_count(0)


def test_a_page_that_cannot_be_seen_keeps_no_connection(open_page: Open, made: Place) -> None:
    """A browser opens six connections to one server, and every tab needs one."""
    listeners = made.board.collector._listeners
    # The helper itself listens, too.
    wait_until(lambda: len(listeners) == 1, "pages of other tests", 30)
    page = open_page("/board")
    show = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    wait_until(lambda: len(listeners) == 2, "not one page", 30)
    page.evaluate(show, True)
    wait_until(lambda: len(listeners) == 1, "the connection is still there", 30)
    made.board.collector.note(1, "while nobody looked")
    page.evaluate(show, False)
    expect(page.locator("#seat-1 .note")).to_have_text("while nobody looked")
    made.board.collector.note(1, "and afterwards")
    expect(page.locator("#seat-1 .note")).to_have_text("and afterwards")
    made.board.collector.note(1, "")


def test_a_page_takes_the_seats_of_a_board_that_was_started_again(open_page: Open) -> None:
    page = open_page("/board")
    page.evaluate("document.getElementById('seat-3').remove(); document.body.id = 'old'")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#seat-3")).to_be_visible()
    expect(page.locator("body")).not_to_have_id("old")


@pytest.mark.parametrize("size", [(640, 140), (12_000, 300)])
def test_a_terminal_works_in_every_window(open_page: Open, size: tuple[int, int]) -> None:
    width, height = size
    page = open_page(
        "/seats/1/terminals/host1", seat=1, viewport={"width": width, "height": height}
    )
    ready(page)
    expect(page.locator(STATE)).to_have_text("")
    columns, rows = page.evaluate(
        "[window.shells[0].terminal.cols, window.shells[0].terminal.rows]"
    )
    assert 2 <= columns <= 1000 and 2 <= rows <= 1000


def test_all_files_of_a_page_have_its_version(open_page: Open) -> None:
    page = open_page("/me", seat=1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    ready(page)
    files = [url for url in asked if "/static/" in url]
    assert len(files) >= 6
    assert {url.partition("?")[2] for url in files} == {files[0].partition("?")[2]} != {""}
