"""The recorded runs, chapters/NAME.ipynb, are of the sources, chapters/NAME.md, as they are now.

And they say what the pages show: the run that the book was built from is compared with them, to
the last character. Besides, nbval replays the recordings (pyproject.toml); it compares nothing for
a cell without an execution count, hence the checks here.
"""

import copy
import json
import re

import jupytext
import nbformat
import pytest

from tools import executed
from tools.chapters import ROOT, cells, check_source, execute, is_notebook, pages, shown
from tools.record import lean

PAGES = pages()
NOTEBOOKS = [page for page in PAGES if is_notebook(page)]


def recording(page):
    path = page.with_suffix(".ipynb")
    assert path.exists(), f"{shown(page)} has no recording: make record CHAPTER={page.stem}"
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_source_is_sound(page):
    assert check_source(page) == []


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_recording_is_of_this_source(page):
    def content(notebook):
        return [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells]

    advice = f"{shown(page)} changed since it was recorded: make record CHAPTER={page.stem}"
    assert content(recording(page)) == content(jupytext.read(page)), advice


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_every_cell_was_run(page):
    notebook = recording(page)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert len(code) == len(cells(page)), "tools/chapters.py sees other cells than jupytext"
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_pages_show_what_is_recorded(page):
    """Of the book's run, if nothing that it read has changed since; else of a new one."""
    notebook = jupytext.read(page)
    if executed.restore(page, notebook) is None:
        execute(notebook, page)
    for was, cell in zip(recording(page).cells, notebook.cells, strict=True):
        if cell.cell_type == "code":
            assert on_page(map(lean, cell.outputs)) == on_page(was.outputs), cell.source


def on_page(outputs):
    """Of outputs in HTML the TeX is for print, where the build sets it in a form of its own."""
    found = copy.deepcopy(list(outputs))
    for output in found:
        if "text/html" in output.get("data", {}):
            output["data"].pop("text/latex", None)
    return found


def test_only_what_is_for_print_is_left_out_of_the_comparison():
    def output(**data):
        kinds = {f"text/{kind}": text for kind, text in data.items()}
        return nbformat.v4.new_output("execute_result", kinds, execution_count=1)

    recorded = on_page([output(plain="1", html="<b>1</b>", latex="1")])
    assert on_page([output(plain="1", html="<b>1</b>", latex="one")]) == recorded
    assert on_page([output(plain="1", html="<b>2</b>", latex="1")]) != recorded
    assert on_page([output(plain="2", html="<b>1</b>", latex="1")]) != recorded
    assert on_page([output(plain="1", latex="1")]) != on_page([output(plain="1", latex="2")])


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_recording_is_lean_and_of_no_machine(page):
    notebook = recording(page)
    text = page.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert "image/" not in text, "a recording holds no images"
    assert str(ROOT) not in text
    assert [c["id"] for c in notebook.cells] == [f"cell-{i}" for i in range(len(notebook.cells))]
    assert not re.search(r"/tmp/ipykernel|/site-packages/", text)
    again = json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True)
    assert text == again + "\n", "not as `make record` writes it"


def test_no_left_over_recordings():
    found = {path.stem for path in (ROOT / "chapters").glob("*.ipynb")}
    assert found == {page.stem for page in NOTEBOOKS}


def test_every_chapter_is_in_the_table_of_contents():
    assert set((ROOT / "chapters").glob("*.md")) == set(PAGES)
