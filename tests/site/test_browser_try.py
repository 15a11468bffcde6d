"""The page "Try it" in a real browser, with every other host out of reach: Python runs on it."""

import pytest
from browsing import NO_FAULTS, Visit, barriers
from try_page import ANSWERS, BOXES, DERIVED, FALSE, REFUTED, TRACE, answered

from tools.chapters import ROOT

PAGE = "chapters/try.html"
SITE = ROOT / "_build" / "html"
LARGE = (".wasm", ".zip")


def box(visit, number):
    return visit.page.locator(f"#try-{number + 1}")


def ran(visit, number):
    """Wait for the answer of a box; its text."""
    output = box(visit, number).locator(".try-output[data-done]")
    output.wait_for(state="attached", timeout=60_000)
    return output.inner_text()


@pytest.fixture(scope="module")
def visit(browser, base):
    """The page with Python started by its button."""
    with Visit(browser, f"{base}/{PAGE}", base) as visit:
        asked = []
        visit.page.on("request", lambda request: asked.append(request.url))
        visit.page.wait_for_timeout(500)
        assert not [url for url in asked if url.endswith(LARGE)]  # nothing before it is asked for
        visit.page.get_by_role("button", name="Start Python,").click()
        visit.page.get_by_text("Python is ready").wait_for(timeout=120_000)
        assert sorted(url.rsplit("/", 1)[-1] for url in asked if url.endswith(LARGE)) == [
            "book.zip", "pyodide.asm.wasm", "python_stdlib.zip", "sympy.zip",
        ]  # fmt: skip
        assert all(url.startswith((base, "blob:")) for url in asked)
        print(visit.page.locator(".try-start [role=status]").inner_text())
        yield visit
        assert visit.trouble == []


def test_boxes(visit):
    assert visit.page.locator(".try-box").count() == len(BOXES)
    for number, code in enumerate(BOXES):
        assert box(visit, number).locator("textarea").input_value() == code.rstrip("\n")
    for number in (DERIVED, FALSE, REFUTED):
        box(visit, number).get_by_role("button", name="Run").click()
        ran(visit, number)
    proved = box(visit, DERIVED).locator(".derivation")
    assert proved.locator("ol.lines > li").count() == 3
    assert proved.locator("ol.lines mjx-container").count() >= 3
    false = box(visit, FALSE).locator(".refused").inner_text()
    assert "line 2 is false" in false
    assert "counterexample" in false
    assert box(visit, REFUTED).locator(".refutation").count() == 1
    assert visit.faults() == NO_FAULTS
    assert barriers(visit.page) == []


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_exercises(visit, number):
    """By the keyboard."""
    which, answer, verdict = ANSWERS[number]
    area = box(visit, which).locator("textarea")
    area.fill(answered(which, answer))
    area.press("Control+Enter")
    box(visit, which).locator(".verdict").get_by_text(verdict).wait_for(timeout=60_000)


def test_stop(visit):
    """A loop without end is stopped; the next run starts Python anew."""
    area = box(visit, TRACE).locator("textarea")
    area.fill("while True: pass")
    area.press("Control+Enter")
    box(visit, TRACE).get_by_role("button", name="Stop").click()
    box(visit, TRACE).get_by_role("button", name="Reset").click()
    box(visit, TRACE).get_by_role("button", name="Start Python").click()
    assert "Not attempted yet." in ran(visit, TRACE)


@pytest.mark.parametrize(("width", "theme"), [("wide", "dark"), ("phone", "light")])
def test_before_it_is_started(browser, base, width, theme):
    with Visit(browser, f"{base}/{PAGE}", base, width, theme) as visit:
        assert visit.faults()["overflow"] == []
        assert barriers(visit.page) == []
        assert visit.trouble == []


def test_from_a_folder(browser):
    """Without a server no browser loads Python: the page says so, and shows the code."""
    with Visit(browser, f"{SITE.as_uri()}/{PAGE}", "file://") as visit:
        assert "python3 -m http.server" in visit.page.locator(".try-start").inner_text()
        assert visit.page.locator("div.try pre").count() == len(BOXES)
        assert visit.trouble == []
