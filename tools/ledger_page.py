"""The sections of the ledger page: one for each chapter with results, in the book's order.

``make record`` writes them, so that no chapter is forgotten; headings in the source, and not made
by a cell, can be linked to and stand in the page's contents.
"""

from __future__ import annotations

import re
from pathlib import Path

from lmmbook.records import load_all
from tools.chapters import ROOT, pages

LEDGER = ROOT / "chapters" / "ledger.md"
MARK = "<!-- The sections below are written by `make record`. -->\n"
SECTION = """
## {title}

```{{code-cell}} ipython3
:tags: [hide-input]

ledger.results("{chapter}")
```
"""


def title(page: Path) -> str:
    """The heading of a page."""
    return re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), re.M).group(1)


def ledger_page(text: str) -> str:
    """The ledger's source, its sections renewed."""
    with_results = {record["chapter"] for record in load_all()}
    chapters = [page for page in pages() if page.stem in with_results]
    top = text[: text.index(MARK)]
    return top + MARK + "".join(SECTION.format(title=title(p), chapter=p.stem) for p in chapters)


def write_ledger_page() -> None:
    """Renew the sections, if the book has such a page."""
    if LEDGER not in pages():
        return
    text = LEDGER.read_text(encoding="utf-8")
    if (new := ledger_page(text)) != text:
        LEDGER.write_text(new, encoding="utf-8")
