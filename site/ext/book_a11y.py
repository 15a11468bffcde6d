"""Repairs of the pages that the theme leaves to others: roles, one id an element, the keyboard."""

import re
from pathlib import Path

REPAIRS = [
    # the sidebar holds the search button and the book's name outside any landmark
    (
        r'<div id="pst-primary-sidebar" class="([^"]*)">',
        r'<div id="pst-primary-sidebar" class="\1" role="region" aria-label="The book">',
    ),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    (r'(<div class="citation" id="[^"]*") role="doc-biblioentry"', r"\1"),
    (r' id="(proof-content|proof|exercise-content|solution-content)"', ""),
]
# a formula that is wider than its box scrolls: by the keyboard too, which needs the focus
SCROLLING = """
(() => {
  const BOXES = ".math, .amsmath, mjx-container[display], .where, .claim, .cell_output," +
    ".text_html, :is(.derivation, .refutation), :is(.derivation, .refutation) :is(li, p)";
  const mark = () => {
    const found = [...document.querySelectorAll(BOXES)].reverse();
    const wide = found.filter((e) => e.scrollWidth > e.clientWidth && e.clientWidth > 0);
    for (const e of wide) {
      const scrolls = /auto|scroll/.test(getComputedStyle(e).overflowX);
      if (scrolls && !e.querySelector("a[href], button, summary, [tabindex]")) e.tabIndex = 0;
    }
  };
  addEventListener("load", () => Promise.resolve(window.MathJax?.startup?.promise).then(mark));
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
})();
"""


def repair(app, exception):
    if exception or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        old = text = page.read_text(encoding="utf-8")
        for pattern, replacement in REPAIRS:
            text = re.sub(pattern, replacement, text)
        if text != old:
            page.write_text(text, encoding="utf-8")


def setup(app):
    app.add_js_file(None, body=SCROLLING)
    app.connect("build-finished", repair)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
