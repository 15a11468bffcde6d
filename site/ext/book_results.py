"""The role ``{result}``: a link to a recorded result, wherever in the book it is.

``{result}`woodbury` `` shows its title, ``{result}`that identity <woodbury>` `` other words.
A name that the ledger does not have is a warning, which -W makes an error. The statement ids that
the checker prints beside a result are linked to the index of statements.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from lmmbook.ledger import anchor
from lmmbook.records import load_all

LOGGER = logging.getLogger(__name__)


class ResultRole(SphinxRole):
    """A link to the place where the checker displayed the result."""

    def run(self):
        match = re.fullmatch(r"(.+?)\s*<([^<>]+)>", self.text, re.S)
        words, name = match.groups() if match else (None, self.text)
        record = self.env.book_results.get(name)
        if record is None:
            LOGGER.warning("no recorded result is called %r", name, location=self.get_location())
            return [nodes.inline(self.rawtext, words or name)], []
        text = with_formulas(words or record["title"])
        if self.env.app.builder.format != "html":
            return [nodes.inline(self.rawtext, "", *text)], []
        here = self.env.docname.rsplit("/", 1)[-1]
        page = "" if record["chapter"] == here else f"{record['chapter']}.html"
        link = nodes.reference(
            self.rawtext, "", *text, refuri=f"{page}#{name}", internal=True, classes=["result"]
        )
        return [link], []


def with_formulas(text: str) -> list[nodes.Node]:
    """The words of a title, with what stands between dollars as formulas."""
    parts = enumerate(text.split("$"))
    return [nodes.math(part, part) if k % 2 else nodes.Text(part) for k, part in parts if part]


def read_records(app):
    app.env.book_results = {record["name"]: record for record in load_all()}


def link_statements(app, pagename, templatename, context, doctree):
    if pagename.startswith("chapters/") and "body" in context:
        context["body"] = re.sub(
            r'<span class="cite">([ABE]\d[\d.]*)</span>',
            lambda cite: f'<a class="cite" href="statements.html#{anchor(cite[1])}">{cite[1]}</a>',
            context["body"],
        )


def setup(app):
    app.add_role("result", ResultRole())
    app.connect("html-page-context", link_statements)
    app.connect("builder-inited", read_records)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
