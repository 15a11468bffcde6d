"""The notebooks that are handed out: plain, without solutions for students, and they run."""

import re

import nbformat
import pytest

import notebooks
from chapters import ROOT, cells, execute, is_notebook, pages

NOTEBOOKS = [page for page in pages() if is_notebook(page)]
WITH_EXERCISES = [p for p in NOTEBOOKS if any("stub" in c.tags for c in cells(p))]


def name(page):
    return page.stem


def prose(made):
    return "\n".join(c.source for c in made.cells if c.cell_type == "markdown")


def solution_parts(page):
    """Lines of text and of code between solution-start and solution-end."""
    text = page.read_text(encoding="utf-8")
    inside = re.findall(r"\{solution-start\}.*?\n(.*?)\{solution-end\}", text, flags=re.S)
    lines = [line.strip() for part in inside for line in part.splitlines()]
    return {x for x in lines if len(x) > 25 and not x.startswith((":", "`"))}


@pytest.mark.parametrize("solutions", [False, True])
@pytest.mark.parametrize("page", NOTEBOOKS, ids=name)
def test_no_raw_markup(page, solutions):
    text = prose(notebooks.notebook(page, solutions))
    assert not re.search(r"\{[a-z:-]+\}`|^\s*(`{3,}|:{3,})\{|^\([\w-]+\)=$", text, flags=re.M)


@pytest.mark.parametrize("page", WITH_EXERCISES, ids=name)
def test_students_see_no_solution(page):
    """Not a line of a solution, unless the chapter's open part has the same line."""
    made = notebooks.notebook(page, solutions=False)
    text = nbformat.writes(made)
    source = "\n".join(cell.source for cell in made.cells)
    open_part = re.sub(
        r"\{solution-start\}.*?\{solution-end\}", "", page.read_text(encoding="utf-8"), flags=re.S
    )
    hidden = {x for x in solution_parts(page) if x not in open_part}
    assert hidden, "the chapter has solutions"
    assert [x for x in hidden if x in source] == []
    assert "solution-start" not in text


@pytest.mark.parametrize("page", NOTEBOOKS, ids=name)
def test_written_twice_alike(page):
    assert notebooks.notebook(page, False) == notebooks.notebook(page, False)


@pytest.mark.parametrize("page", WITH_EXERCISES, ids=name)
def test_student_notebook_runs_with_its_stubs(page):
    made = notebooks.notebook(page, solutions=False)
    execute(made, page)
    verdicts = said(made)
    assert verdicts
    assert set(verdicts) == {"Not attempted yet."}


@pytest.mark.parametrize("page", WITH_EXERCISES, ids=name)
def test_instructor_notebook_passes_every_check(page):
    made = notebooks.notebook(page, solutions=True)
    execute(made, page)
    verdicts = said(made)
    assert verdicts.count("Right.") == verdicts.count("Not attempted yet.") > 0
    assert set(verdicts) == {"Right.", "Not attempted yet."}
    assert prose(made).count("**Common mistakes**") == verdicts.count("Right.")


def said(made):
    """The verdicts that a run of the notebook shows."""
    plain = [
        output.data["text/plain"]
        for cell in made.cells
        if cell.cell_type == "code" and "check(" in cell.source
        for output in cell.outputs
        if "data" in output
    ]
    words = ("Right.", "Not yet.", "Cannot read this.", "Not attempted yet.")
    return [word for text in plain for word in words if text[2:].startswith(word)]


def test_unknown_directive_is_refused(tmp_path):
    page = tmp_path / "x.md"
    page.write_text("# X\n\n```{strange}\nwords\n```\n", encoding="utf-8")
    with pytest.raises(notebooks.NotebookError, match="strange"):
        notebooks.notebook(page, False)


def test_unknown_reference_is_refused(tmp_path):
    page = tmp_path / "x.md"
    page.write_text("# X\n\nSee {ref}`nowhere-at-all`.\n", encoding="utf-8")
    with pytest.raises(notebooks.NotebookError, match="nowhere-at-all"):
        notebooks.notebook(page, False)


def test_lab_overwrites_nothing(tmp_path, monkeypatch):
    import lab

    monkeypatch.setattr(lab, "LAB", tmp_path / "lab")
    monkeypatch.setattr(lab, "MADE", tmp_path / "made")
    lab.MADE.mkdir()
    (lab.MADE / "a.ipynb").write_text("new")
    assert lab.fetch() == ["a.ipynb"]
    (lab.LAB / "a.ipynb").write_text("the student's work")
    (lab.MADE / "b.ipynb").write_text("new")
    assert lab.fetch() == ["b.ipynb"]
    assert (lab.LAB / "a.ipynb").read_text() == "the student's work"


def test_folder_of_the_lab_is_not_in_git():
    assert "lab/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
