"""The built pages in a real browser, with every other host out of reach.

Each page at two widths, light and dark, in wide letters and in narrow ones.
"""

import gzip
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import yaml
from browsing import BOXED, NO_FAULTS, READY, STATES, WIDTHS, Visit, barriers, contrast

from lmmbook.ledger import anchor
from lmmbook.records import load_all
from tools.chapters import ROOT

SITE = ROOT / "_build" / "html"
FILES = [path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")]
# index.html only leads to the first page
PAGES = sorted(f for f in FILES if not f.startswith("_static/") and f != "index.html")
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
LOOKED_AT = [("wide", "light"), ("phone", "dark")]  # by all of axe's rules; else at colours
STYLES = ("site/", "_config.yml", "requirements.txt")


@pytest.mark.parametrize("page", PAGES)
def test_page(browser, base, page):
    """Loaded once; then it is made narrow and dark, and looked at again each time."""
    with Visit(browser, f"{base}/{page}", base) as visit:
        for state in STATES:
            visit.show(*state)
            assert visit.faults() == NO_FAULTS, state
        visit.prefer("dark")
        visit.page.reload(wait_until="domcontentloaded")
        assert visit.theme() == "dark"
        assert visit.trouble == []


@pytest.mark.slow(3, guards=STYLES)
@pytest.mark.parametrize("page", PAGES)
def test_page_is_accessible(browser, base, page):
    """What axe finds, at both widths and in both themes."""
    with Visit(browser, f"{base}/{page}", base) as visit:
        visit.page.evaluate(BOXED)
        for width, theme in STATES:
            visit.show(width, theme)
            look = barriers if (width, theme) in LOOKED_AT else contrast
            assert look(visit.page) == [], (width, theme)


@pytest.mark.slow(10, guards=STYLES)
@pytest.mark.parametrize("page", PAGES)
def test_page_in_narrow_letters(browsers, base, page):
    with Visit(browsers("narrow"), f"{base}/{page}", base) as visit:
        for width in WIDTHS:
            visit.show(width, "light")
            assert visit.faults() == NO_FAULTS, width


def test_front_door(browser, base):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{base}/index.html")
    page.wait_for_url("**/chapters/preface.html", wait_until="commit")
    page.wait_for_load_state("domcontentloaded")
    assert "Maximum likelihood" in page.title()
    context.close()


class Anchors(HTMLParser):
    """The ids and the links of a page."""

    def __init__(self, name):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed((SITE / name).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values[k] for k in ("id", "name") if values.get(k)}
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])


def test_links_resolve():
    """Every link within the site leads to a page that is there, and to a place that is on it."""
    if not PAGES:
        pytest.fail("there are no built pages: make book")
    anchors = {name: Anchors(name) for name in PAGES}
    broken = []
    for name, found in anchors.items():
        for href in found.links:
            target, anchor = urldefrag(urljoin(f"http://site/{name}", href))
            if not target.startswith("http://site/"):
                continue
            path = unquote(urlsplit(target).path).lstrip("/") or "index.html"
            lost = anchor and path in anchors and unquote(anchor) not in anchors[path].ids
            if lost or not (SITE / path).is_file():
                broken.append(f"{name} -> {href}")
    assert sorted(broken) == []


def test_downloads_are_valid_notebooks(browser, base):
    """The download button of a page with cells gives a notebook that opens."""
    import nbformat

    with Visit(browser, f"{base}/chapters/first-fit.html", base) as visit:
        links = visit.page.eval_on_selector_all("a[href$='.ipynb']", "e => e.map((x) => x.href)")
        assert links == [f"{base}/_notebooks/first-fit.ipynb"]
    made = sorted((SITE / "_notebooks").glob("*.ipynb"))
    assert len(made) > 10
    for path in made:
        nbformat.validate(nbformat.read(path, as_version=4))


def test_search_finds(browser, base):
    with Visit(browser, f"{base}/search.html?q=likelihood", base) as visit:
        visit.page.wait_for_selector("#search-results li", timeout=10_000)
        assert "Maximum likelihood" in visit.page.locator("#search-results").inner_text()
        assert visit.trouble == []


def test_solutions_open_and_close(browser, base):
    """By mouse and by keyboard, and what is in them is typeset."""
    with Visit(browser, f"{base}/chapters/first-fit.html", base) as visit:
        box = visit.page.locator(".solution.dropdown").first
        button = box.locator("button.toggle-button")
        body = box.locator(":scope > :not(.admonition-title):not(button)").first
        assert not body.is_visible()
        button.click()
        assert body.is_visible()
        button.focus()
        visit.page.keyboard.press("Enter")
        assert not body.is_visible()
        visit.page.keyboard.press("Enter")
        assert body.is_visible()
        assert visit.trouble == []


def test_derivations_unfold_by_keyboard(browser, base):
    with Visit(browser, f"{base}/chapters/block-matrices.html", base) as visit:
        fold = visit.page.locator(".derivation details").first
        fold.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        assert fold.get_attribute("open") is not None
        visit.page.keyboard.press("Enter")
        assert fold.get_attribute("open") is None


@pytest.mark.parametrize("letters", ["wide", "narrow"])
def test_links_show_where_they_lead(browsers, base, letters):
    """By pointer and by keyboard; what is shown can be pointed at, and Escape takes it away."""
    name = "chapters/profile-reml.html"
    with Visit(browsers(letters), f"{base}/{name}", base) as visit:
        link = visit.page.locator("article p a.result").first
        box = visit.page.locator("#preview")
        link.hover()
        box.locator("mjx-container").first.wait_for()
        assert link.get_attribute("aria-describedby") == "preview"
        assert box.locator("mjx-merror, details").count() == 0
        box.hover()
        visit.page.wait_for_timeout(400)
        assert box.count() == 1
        visit.page.keyboard.press("Escape")
        assert box.count() == 0
        link.focus()
        visit.page.keyboard.press("Shift+Tab")
        visit.page.keyboard.press("Tab")
        box.locator("mjx-container").first.wait_for()
        assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        visit.page.evaluate(BOXED)
        assert barriers(visit.page) == []
        visit.page.keyboard.press("Tab")
        assert link.get_attribute("aria-describedby") is None
        assert visit.trouble == []


def test_slider_chooses_the_picture(browser, base):
    with Visit(browser, f"{base}/chapters/mixed-model-equations.html", base, "phone") as visit:
        box = visit.page.locator("figure.frames")
        visible = "e => e.map((x, i) => x.checkVisibility() ? i : -1).filter((i) => i >= 0)"
        count = box.locator("img").count()
        assert count > 5
        assert box.locator("img").evaluate_all(visible) == [0]
        box.locator("input").focus()
        visit.page.keyboard.press("ArrowRight")
        assert box.locator("img").evaluate_all(visible) == [1]
        assert box.locator("output").inner_text() == "0.05"
        visit.page.keyboard.press("End")
        assert box.locator("img").evaluate_all(visible) == [count - 1]
        assert box.locator("input").get_attribute("aria-valuetext") == "100"
        assert visit.trouble == []


def test_long_formulas_scroll_in_their_box(browser, base):
    """On a phone, where some must; nothing is cut off: the box that holds them moves."""
    name = "chapters/autoregressive-effects.html"
    with Visit(browser, f"{base}/{name}", base, "phone") as visit:
        moved = visit.page.evaluate("""() => {
          const boxes = [...document.querySelectorAll('article *')].filter((e) =>
            e.scrollWidth > e.clientWidth + 1 && e.querySelector('mjx-container') &&
            ['auto', 'scroll'].includes(getComputedStyle(e).overflowX));
          return boxes.map((e) => { e.scrollLeft = 30; return e.scrollLeft; });
        }""")
        assert len(moved) > 0
        assert all(0 < x <= 30 for x in moved)


def test_front_page_is_light_and_quick(browser, base):
    """Under 500 kB before images, as a server that compresses sends it; typeset in a second."""
    kept_as_they_are = (".woff", ".woff2", ".png")
    spent = []
    for _ in range(3):
        context = browser.new_context(viewport=WIDTHS["wide"])
        page = context.new_page()
        sent = {}
        page.on("response", lambda r, sent=sent: sent.setdefault(urlsplit(r.url).path, r))
        page.goto(f"{base}/chapters/preface.html", wait_until="load")
        page.evaluate(READY)
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = session.send("Performance.getMetrics")["metrics"]
        # what the page kept its thread busy with, whatever else the machine does
        spent.append(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))
        sizes = {}
        for path, response in sent.items():
            body = (SITE / path.lstrip("/")).read_bytes()
            assert response.ok
            sizes[path] = len(body if path.endswith(kept_as_they_are) else gzip.compress(body))
        context.close()
    total = sum(size for path, size in sizes.items() if not path.endswith(".png"))
    assert total < 500_000, sorted(sizes.items(), key=lambda x: -x[1])[:10]
    assert min(spent) < 1.0


def test_pages_load_what_they_use():
    """MathJax where there is mathematics, and nowhere the theme's two thousand icons."""
    for name in PAGES:
        text = (SITE / name).read_text(encoding="utf-8")
        assert "fontawesome.js" not in text, name
        if 'class="math' not in text:
            assert "mathjax/startup.js" not in text, name
        assert text.count("previews.js") == ("data-preview=" in text), name


def test_pages_can_be_found():
    """Each chapter has a description; without an address, no address."""
    seen = {}
    for name in CHAPTERS:
        text = (SITE / name).read_text(encoding="utf-8")
        (words,) = re.findall(r'<meta (?=[^>]*name="description")[^>]*content="([^"]+)"', text)
        assert 20 < len(words) <= 300, name
        assert seen.setdefault(words, name) == name, f"{name} is described as {seen[words]}"
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    if not settings["html"]["baseurl"]:
        assert not (SITE / "sitemap.xml").exists()
        assert 'rel="canonical"' not in text


def test_results_and_statements_have_anchors():
    """An address for each: it is printed in the ledger, and others may have cited it."""
    anchors = {name: Anchors(name).ids for name in CHAPTERS}
    records = load_all()
    assert len(records) > 500
    for record in records:
        assert record["name"] in anchors[f"chapters/{record['chapter']}.html"], record["name"]
    statements = json.loads((ROOT / "lmmbook/ledger/statements.json").read_text(encoding="utf-8"))
    for statement in statements:
        assert anchor(statement["id"]) in anchors["chapters/statements.html"]


def test_pages_open_from_a_folder(browser):
    """Without a server, as one opens a file from a disk."""
    with Visit(browser, f"{SITE.as_uri()}/{CHAPTERS[0]}", "file://") as visit:
        assert visit.faults()["untypeset"] == []
        assert visit.trouble == []
