"""The notebooks that are handed out: plain, without solutions for students, and they run."""

import ast
import os
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest

import book_downloads
from tools import notebooks
from tools.chapters import ROOT, cells, execute, is_notebook, pages

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


@pytest.mark.parametrize("page", WITH_EXERCISES, ids=name)
def test_a_book_without_solutions_has_none(page, monkeypatch):
    """What `make book SOLUTIONS=no` parses and runs: not a line of a solution is left."""
    monkeypatch.setenv("LMMCORE_SOLUTIONS", "no")
    whole = page.read_text(encoding="utf-8")
    source = [whole]
    book_downloads.hold_back(None, page.stem, source)
    assert source[0].count(book_downloads.NOTE) == whole.count("{solution-start}") > 0
    assert "{solution-" not in source[0]
    assert source[0].count('check("') == whole.count('check("') // 2


@pytest.mark.parametrize("page", NOTEBOOKS, ids=name)
def test_written_twice_alike(page):
    assert notebooks.notebook(page, False) == notebooks.notebook(page, False)


@pytest.mark.slow(10)
@pytest.mark.parametrize("page", NOTEBOOKS, ids=name)
def test_student_notebook_runs_with_its_stubs(page):
    made = notebooks.notebook(page, solutions=False)
    execute(made, page)
    stubs = sum("stub" in cell.tags for cell in cells(page))
    assert said(made) == ["Not attempted yet."] * stubs


@pytest.mark.slow(10)
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


def test_a_solution_without_a_check_has_no_marking(tmp_path):
    solution = "```{solution-start} ex-a\n```\n\nWords.\n\nCELL```{solution-end}\n```\n\n"
    checked = '```{code-cell}\ncheck("adjoint-of-solving", 1)\n```\n\n'
    page = tmp_path / "x.md"
    text = "# X\n\n" + solution.replace("CELL", checked) + solution.replace("CELL", "")
    page.write_text(text, encoding="utf-8")
    made = notebooks.notebook(page, solutions=True)
    assert prose(made).count("**Marking.**") == 1
    assert "**Marking.**" not in made.cells[-1].source


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
    from tools import lab

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


@pytest.mark.parametrize("page", NOTEBOOKS, ids=name)
def test_it_needs_the_packages_only(page):
    """What pip installs with the three packages is enough: nothing of the book's own tools."""
    made = notebooks.notebook(page, solutions=True)
    code = [ast.parse(c.source) for c in made.cells if c.cell_type == "code"]
    imported = set()
    for node in (node for tree in code for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    brought = {*notebooks.PACKAGES, "numpy", "scipy", "sympy", "mpmath"}
    brought |= {"IPython", "autograd", "formulae", "matplotlib", "pandas"}
    assert imported <= brought | set(sys.stdlib_module_names)


def test_glue_is_left_out():
    cell = "from myst_nb import glue\n\nx = 1\nglue('a', x,\n     display=False)\nx"
    assert notebooks.without_glue(cell) == "x = 1\nx"
    loop = "for k in (1, 2):\n    y = k\n    glue(f'a-{k}', y)\nprint(3)"
    assert notebooks.without_glue(loop) == "print(3)"
    assert notebooks.without_glue("x = 1\n\n\n\nx") == "x = 1\n\n\n\nx"
    with pytest.raises(notebooks.NotebookError, match="does something else"):
        notebooks.without_glue("x = 1; glue('a', x)")


# -- on other machines ---------------------------------------------------------------------


@pytest.fixture
def public(monkeypatch):
    """As if _config.yml named a public address."""
    known = notebooks.book() | {"repository": "https://github.com/owner/name"}
    monkeypatch.setattr(notebooks, "book", lambda: known)


def test_without_a_public_address_nothing_is_offered():
    assert book_downloads.elsewhere("first-fit") == []
    made = notebooks.notebook(ROOT / "chapters" / "first-fit.md", solutions=False)
    assert not any("%pip" in cell.source for cell in made.cells)


@pytest.mark.usefixtures("public")
def test_with_a_public_address():
    offered = {button["text"]: button["url"] for button in book_downloads.elsewhere("first-fit")}
    assert offered == {
        "Binder": "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/lab/first-fit.ipynb",
        "Colab": "https://colab.research.google.com/github/owner/name/blob/notebooks/first-fit.ipynb",
    }
    made = notebooks.notebook(ROOT / "chapters" / "first-fit.md", solutions=False)
    first = next(cell for cell in made.cells if cell.cell_type == "code")
    source = r"git\+https://github.com/owner/name@main"
    extras = re.search(rf"lmmcore\[([\w,]+)\] @ {source}\"", first.source)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.group(1).split(",")) <= set(project["optional-dependencies"])
    for name in ("matrixproof", "lmmbook"):
        assert re.search(rf"\"{name} @ {source}#subdirectory={name}\"", first.source)
        assert (ROOT / name / "pyproject.toml").exists()
    assert first.source.startswith("try:\n    import lmmcore, matrixproof, lmmbook\nexcept Module")


def test_a_name_is_given_within_its_package(tmp_path):
    page = tmp_path / "x.md"
    names = "{py:func}`~lmmcore.fitting.fit`, {py:func}`lmmbook.ledger.lemmas.graph`, "
    page.write_text(f"# X\n\n{names}{{py:mod}}`matrixproof.setting`.\n", encoding="utf-8")
    made = prose(notebooks.notebook(page, False))
    assert "`fitting.fit`, `ledger.lemmas.graph`, `setting`." in made


def test_files_for_binder():
    folder = ROOT / ".binder"
    named = (folder / "requirements.txt").read_text(encoding="utf-8").split()[1]
    assert (folder / named).resolve() == ROOT / "requirements.txt"
    script = folder / "postBuild"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    for path in re.findall(r"tools/\w+\.py", text):
        assert (ROOT / path).exists()
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
