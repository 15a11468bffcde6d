"""Repairs of the built pages that the theme leaves to others: roles, and one id an element."""

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
    app.connect("build-finished", repair)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
