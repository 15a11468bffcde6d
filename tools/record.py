"""Run the chapters and record them: chapters/NAME.md -> chapters/NAME.ipynb.

Without images, with positional ids and no metadata but the cells' tags, so that a second
run writes the same bytes. While it runs, MATRIXPROOF_RECORD=1: the derivations write their records.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import jupytext
import nbformat

from tools.chapters import (
    ROOT,
    ChapterError,
    check_source,
    execute,
    is_notebook,
    pages,
    place,
    shown,
)
from tools.ledger_page import write_ledger_page

PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def record(page: Path) -> str:
    """Run one chapter; the text of its recording."""
    notebook = jupytext.read(page)
    execute(notebook, page)
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if cell.cell_type == "code":
            cell.outputs = [lean(output) for output in cell.outputs]
    nbformat.validate(notebook)
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    no_machine_paths(notebook, page)
    return text


def lean(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output as it is recorded: without pictures, with the name of a glued number."""
    output.pop("transient", None)
    if "data" in output:
        output.metadata = named(output.metadata)
        output.data = nbformat.from_dict(
            {
                kind: PICTURE.sub("PICTURE", data) if kind == "text/html" else data
                for kind, data in output.data.items()
                if not kind.startswith("image/") and kind != "application/pdf"
            }
        )
    return output


def named(metadata: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The name under which a cell glues a number into the prose, and nothing else."""
    name = metadata.get("scrapbook", {}).get("name")
    return nbformat.from_dict({"scrapbook": {"name": name}} if name else {})


def no_machine_paths(notebook, page: Path) -> None:
    """Outputs must read the same on every machine."""
    places = [str(ROOT), sys.prefix, sys.base_prefix, str(Path.home())]
    pattern = "|".join(re.escape(p) for p in places if len(p) > 4) + r"|/tmp/ipykernel"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        hit = re.search(pattern, str(cell.outputs))
        if hit:
            raise ChapterError(f"{place(page, number)}: an output names a path of this machine")


def shows_ledger(page: Path) -> bool:
    return "from lmmbook import ledger" in page.read_text(encoding="utf-8")


def write(page: Path) -> tuple[str, list[str]]:
    """Record one chapter: what became of it, in a word or two, and what is wrong with it."""
    target = page.with_suffix(".ipynb")
    if problems := check_source(page):
        return "FAILED", problems
    if not is_notebook(page):
        target.unlink(missing_ok=True)
        return "no cells", []
    start = time.perf_counter()
    try:
        text = record(page)
    except ChapterError as error:
        return "FAILED", [str(error)]
    new = not target.exists() or target.read_text(encoding="utf-8") != text
    if new:
        target.write_text(text, encoding="utf-8")
    seconds = time.perf_counter() - start
    return f"{seconds:.1f} s, {'recorded anew' if new else 'unchanged'}", []


def main(names: list[str]) -> int:
    os.environ["MATRIXPROOF_RECORD"] = "1"
    chosen = [page for page in pages() if not names or page.stem in names]
    chosen.sort(key=shows_ledger)  # after the chapters, whose records it shows
    unknown = set(names) - {page.stem for page in chosen}
    if unknown:
        sys.exit(f"error: no chapter is called {', '.join(sorted(unknown))} (see _toc.yml)")
    wrong, changed = [], 0
    for i, page in enumerate(chosen, 1):
        if shows_ledger(page):
            write_ledger_page()
        print(f"[{i}/{len(chosen)}] {shown(page)[:-3]}", end=" ... ", flush=True)
        outcome, problems = write(page)
        print(outcome, flush=True)
        wrong += problems
        changed += outcome.endswith("anew")
    write_ledger_page()
    for message in wrong:
        print(f"error: {message}", file=sys.stderr)
    if wrong:
        return 1
    print(f"The recordings are in chapters/*.ipynb: {changed} of {len(chosen)} changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
