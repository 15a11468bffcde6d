"""Sphinx extension: a link to a result or to a numbered formula shows it before one follows it.

What is shown is taken from the built page where the result stands, without the lines between the
first and the last, and lies in the page with the link, in <template> elements, which nothing
typesets or reads before they are used (_static/previews.js). No request is made.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urldefrag

from bs4 import BeautifulSoup

# what can be shown: in the built pages these hold no other div
SHOWN = re.compile(
    r'<div class="(?:derivation|refutation|math[^"]*)" id="([^"]+)">.*?</div>', flags=re.S
)
LINK = re.compile(r'<a class="([^"]*)" href="([^"]*#[^"]+)"')
OLD = re.compile(r"<!--previews-->.*?<!--/previews-->\n", flags=re.S)


def target(page: Path, href: str) -> tuple[str, str]:
    """The file and the anchor to which a link of a page leads."""
    address, anchor = urldefrag(href)
    return ((page.parent / address).resolve().name if address else page.name), anchor


def wanted(page: Path, text: str) -> list[tuple[str, str, str]]:
    """The links of a page to results and formulas: file, anchor, and the link as it is written."""
    out = {}
    for classes, href in LINK.findall(text):
        if "result" in classes.split() or "#equation-" in href:
            out[href] = (*target(page, href), href)
    return sorted(out.values())


def shortened(html: str) -> str:
    """A result without what only its own place needs."""
    found = BeautifulSoup(html, "html.parser").div
    lines = found.select("ol.lines > li")
    for part in [*lines[1:-1], *found.select("details, .reason, .eqno")]:
        part.decompose()
    for part in [found, *found.find_all(id=True)]:
        del part["id"]
    return str(found)


def insert(app, exception):
    if exception or app.builder.format != "html":
        return
    pages = {p.name: p for p in (Path(app.outdir) / "chapters").glob("*.html")}
    texts = {name: OLD.sub("", page.read_text(encoding="utf-8")) for name, page in pages.items()}
    links = {name: wanted(pages[name], text) for name, text in texts.items()}
    needed = {(file, anchor) for found in links.values() for file, anchor, _ in found}
    previews = {}
    for file in sorted({file for file, _ in needed}):
        for found in SHOWN.finditer(texts.get(file, "")):
            if (file, found[1]) in needed:
                previews[file, found[1]] = shortened(found[0])
    for name, text in texts.items():
        made = "".join(
            f'<template data-preview="{href}">{previews[file, anchor]}</template>\n'
            for file, anchor, href in links[name]
            if (file, anchor) in previews
        )
        if made:
            made += '<script defer src="../_static/previews.js"></script>\n'
            text = text.replace("</body>", f"<!--previews-->{made}<!--/previews-->\n</body>")
        pages[name].write_text(text, encoding="utf-8")


def only_where_used(app, config):
    """Jupyter Book puts every script of _static at the head of every page."""
    config.html_js_files = [x for x in config.html_js_files if "previews.js" not in x]


def setup(app):
    app.connect("config-inited", only_where_used, priority=100)
    app.connect("build-finished", insert, priority=700)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
