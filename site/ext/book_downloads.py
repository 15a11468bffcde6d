"""Sphinx extension: each page offers its notebook; a book for a running course has no solutions.

Once _config.yml names the repository's public address, each page with a notebook is also offered on
Binder (which .binder/ prepares) and on Colab (which reads the branch `notebooks`).

The download is the student's plain notebook (tools/notebooks.py), not the page's MyST source. With
LMMCORE_SOLUTIONS=no in the environment (``make book SOLUTIONS=no``) the solutions are taken out of
the sources before anything is parsed or run.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat

from tools import notebooks
from tools.chapters import ROOT, is_notebook, pages

SOLUTION = re.compile(
    r"^(`{3,})\{solution-start\}.*?^(`{3,})\{solution-end\}\s*\n\2[ \t]*$", flags=re.S | re.M
)
NOTE = "*The solution is held back in this edition.*"


def holds_back() -> bool:
    """Whether this edition is one without solutions."""
    return os.environ.get("LMMCORE_SOLUTIONS") == "no"


def hold_back(app, docname, source):
    """Take the solutions out of a page's source."""
    if holds_back():
        source[0] = SOLUTION.sub(NOTE, source[0])


def results_of_solutions() -> set[str]:
    """The names of the recorded results that a solution derives."""
    texts = [page.read_text(encoding="utf-8") for page in filter(is_notebook, pages())]
    solutions = "".join(m.group(0) for text in texts for m in SOLUTION.finditer(text))
    return set(re.findall(r'(?:\.named\(\s*|\bname=)"([\w-]+)"', solutions))


def page_of(docname: str) -> Path:
    return ROOT / f"{docname}.md"


def offers(docname: str) -> bool:
    page = page_of(docname)
    return page.exists() and is_notebook(page)


def elsewhere(stem: str) -> list[dict[str, str]]:
    """Buttons that open a page's notebook on other machines; none without a public address."""
    book = notebooks.book()
    host, _, name = book["repository"].removeprefix("https://").partition("/")
    if host != "github.com" or name.count("/") != 1:
        return []
    binder = f"https://mybinder.org/v2/gh/{name}/{book['branch']}?urlpath=lab/tree/lab"
    colab = f"https://colab.research.google.com/github/{name}/blob/notebooks"
    found = [("Binder", binder), ("Colab", colab)]
    return [
        {"type": "link", "text": where, "url": f"{start}/{stem}.ipynb", "icon": "fas fa-play",
         "tooltip": f"Run on {where}", "label": f"{where.lower()}-button"}
        for where, start in found
    ]  # fmt: skip


def offer(app, pagename, templatename, context, doctree):
    """The theme's download buttons: the notebook in the place of the source."""
    for group in context.get("header_buttons", []):
        if group.get("label") != "download-buttons":
            continue
        kept = [b for b in group["buttons"] if b["label"] == "download-pdf-button"]
        if offers(pagename):
            address = context["pathto"](f"_notebooks/{pagename.rsplit('/', 1)[-1]}.ipynb", 1)
            button = {"type": "link", "url": address, "text": ".ipynb", "icon": "fas fa-code"}
            button |= {"tooltip": "Download notebook", "label": "download-notebook-button"}
            kept[:0] = [button, *elsewhere(pagename.rsplit("/", 1)[-1])]
        group["buttons"] = kept


def write(app, exception):
    """The notebooks, beside the pages."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir) / "_notebooks"
    out.mkdir(exist_ok=True)
    for docname in sorted(filter(offers, app.env.found_docs)):
        page = page_of(docname)
        made = notebooks.notebook(page, solutions=False)
        text = nbformat.writes(made).rstrip("\n") + "\n"
        (out / f"{page.stem}.ipynb").write_text(text, encoding="utf-8")


def setup(app):
    app.connect("source-read", hold_back)
    app.connect("html-page-context", offer, priority=900)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
