"""Sphinx extension: what makes the book findable and citable.

Descriptions and a sitemap; the citation of the front page, from CITATION.cff; the versions that
made this edition. `html: baseurl` in _config.yml is the one place for the public address: while it
is empty, nothing that needs it is written (canonical links come from the theme).
"""

from __future__ import annotations

import platform
import re
from html import escape
from importlib import metadata
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 155  # characters of a description


def cff() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def citation(app, doctree):
    """Under the heading "How to cite" of the front page, the entry, from CITATION.cff."""
    if app.env.docname != app.config.master_doc:
        return
    for section in doctree.findall(nodes.section):
        if "how-to-cite" not in section["ids"]:
            continue
        data = cff()
        authors = " and ".join(a.get("name") or f"{a['family-names']}, {a['given-names']}"
                               for a in data["authors"])  # fmt: skip
        fields = {"author": f"{{{authors}}}", "title": data["title"], "version": data["version"]}
        if "date-released" in data:
            fields["year"] = str(data["date-released"])[:4]
        if app.config.html_baseurl:
            fields["url"] = app.config.html_baseurl
        body = "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items())
        entry = nodes.literal_block("", f"@book{{lmmcore,\n{body}}}")
        entry["language"] = "bibtex"
        section += entry


def description(app, pagename, doctree) -> str:
    """The page's own description, or its first paragraph."""
    if doctree is None:
        return ""
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            return " ".join(meta["content"].split())
    tree = app.env.get_doctree(pagename)
    for paragraph in tree.findall(nodes.paragraph):
        inside = paragraph.parent
        if not isinstance(inside, nodes.section):
            continue
        text = re.sub(r"\\[a-zA-Z]+\s?|[{}^_]", "", " ".join(paragraph.astext().split()))
        if len(text) > LONGEST:
            text = text[: LONGEST - 1].rsplit(" ", 1)[0] + "…"
        return text
    return ""


def describe(app, pagename, templatename, context, doctree):
    """The description in the page's head."""
    if doctree is None:
        return
    words = description(app, pagename, doctree)
    if words and 'name="description"' not in context.get("metatags", ""):
        tag = f'<meta name="description" content="{escape(words)}" />\n'
        context["metatags"] = context.get("metatags", "") + tag


def sitemap(app, exception):
    """Written when there is a public address to name."""
    base = app.config.html_baseurl.rstrip("/")
    if exception or app.builder.format != "html" or not base:
        return
    pages = sorted(app.builder.get_target_uri(name) for name in app.env.found_docs)
    items = "".join(f"  <url><loc>{escape(f'{base}/{page}')}</loc></url>\n" for page in pages)
    (Path(app.outdir) / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{items}</urlset>\n',
        encoding="utf-8",
    )
    (Path(app.outdir) / "robots.txt").write_text(
        f"User-agent: *\nSitemap: {base}/sitemap.xml\n", encoding="utf-8"
    )


def registered(app, uri: str) -> str:
    """Whether a DOI exists is asked of its registry: publishers' sites answer people only."""
    return uri.replace("//doi.org/10.", "//doi.org/api/handles/10.")


class Versions(SphinxDirective):
    """A table of the programs that executed and built this edition, as they are installed."""

    def run(self):
        lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        names = [re.split(r"[=<>\[ ]", line)[0] for line in lines if line and line[0] != "#"]
        rows = [("Python", platform.python_version())]
        rows += [(name, metadata.version(name)) for name in names]
        table = nodes.table(classes=["table"])
        group = nodes.tgroup(cols=2)
        group += [nodes.colspec(colwidth=2), nodes.colspec(colwidth=1)]
        group += nodes.thead("", self.row("program", "version"))
        group += nodes.tbody("", *(self.row(*row) for row in rows))
        table += group
        return [table]

    def row(self, *cells):
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in cells))


def setup(app):
    app.add_directive("versions", Versions)
    app.connect("doctree-read", citation)
    app.connect("html-page-context", describe)
    app.connect("build-finished", sitemap, priority=700)
    app.connect("linkcheck-process-uri", registered)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
