"""Plain Jupyter notebooks from the chapters: for students without solutions, for instructors with.

    chapters/NAME.md -> _build/notebooks/student/NAME.ipynb, _build/notebooks/instructor/NAME.ipynb

The chapter's source is the only source. Its MyST directives and roles become Markdown that every
notebook program shows; a directive or role that is not known here stops the writing, so that no
raw directive is ever handed out. References are links when the book's address is known
(``html_baseurl`` in _config.yml), else words. When the repository's address is known
(``repository`` there), a notebook whose Python lacks the packages installs them.
"""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
import yaml
from pybtex.database import parse_file

from tools.chapters import ROOT, is_notebook, pages, shown

OUT = ROOT / "_build" / "notebooks"
KINDS = ("student", "instructor")
PACKAGES = ("lmmcore", "matrixproof", "lmmbook")
EXTRAS = "formula,laplace,duckdb"  # of lmmcore, which some chapters use
FENCE = re.compile(r"(`{3,}|~{3,}|:{3,})\s*(?:\{([^}]*)\}\s*(.*)|(\w*)\s*)$")
LABEL = r"\([\w-]+\)=|%.*|\+\+\+.*"
DROPPED = ("bibliography", "eval-rst", "toctree", "tableofcontents")
ADMONITIONS = ("admonition", "attention", "important", "note", "seealso", "tip", "warning")


class NotebookError(Exception):
    """What in a chapter's source cannot be put into a plain notebook."""


@dataclass(frozen=True)
class Directive:
    """A fenced block: ``lines`` is its content without the options."""

    name: str
    argument: str
    options: dict[str, object]
    lines: list[str]


@dataclass
class Page:
    """A chapter while it is being rewritten."""

    path: Path
    solutions: bool
    cells: list = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    exercises: int = 0
    in_solution: bool = False
    solution_cells: int = 0  # where the last solution began, among the cells

    def close_text(self) -> None:
        source = "\n".join(self.text).strip()
        self.text = []
        if source:
            self.cells.append(nbformat.v4.new_markdown_cell(re.sub(r"\n{3,}", "\n\n", source)))


def notebook(path: Path, solutions: bool) -> nbformat.NotebookNode:
    """A chapter as a plain notebook, its code not yet run."""
    page = Page(path, solutions)
    lines = path.read_text(encoding="utf-8").splitlines()
    if lines and lines[0] == "---":
        lines = lines[lines.index("---", 1) + 1 :]
    walk(page, lines)
    page.close_text()
    if page.in_solution:
        raise NotebookError(f"{path.name}: a solution-start has no solution-end")
    if page.cited:
        entries = [f"- {reference(key)}" for key in sorted(set(page.cited))]
        page.cells.append(nbformat.v4.new_markdown_cell("## References\n\n" + "\n".join(entries)))
    first = [nbformat.v4.new_markdown_cell(preamble(path, solutions))]
    if book()["repository"]:
        first.append(nbformat.v4.new_code_cell(install()))
    page.cells[:0] = first
    for i, cell in enumerate(page.cells):
        cell["id"] = f"cell-{i}"  # the same bytes every time
    made = nbformat.v4.new_notebook(cells=page.cells)
    made.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    nbformat.validate(made)
    return made


def preamble(path: Path, solutions: bool) -> str:
    where = f"[{book()['title']}]({address(path.stem)})" if address("") else f"*{book()['title']}*"
    kind = (
        "Instructor's notebook: with solutions, marking and common mistakes. Not for students."
        if solutions
        else "Put your answers where a cell has `...`, run it, and its check says whether they are "
        "right."
    )
    return (
        f"{where}, page `{path.stem}`. {kind}\n\n"
        "It needs Python 3.11 or newer with the packages `lmmcore`, `matrixproof` and `lmmbook`. "
        "In a clone of the book `make lab` has everything ready; elsewhere, in the clone, "
        f'`pip install ".[{EXTRAS}]" ./matrixproof ./lmmbook` installs them.\n\n' + macros()
    )


def install() -> str:
    """A cell that does nothing where the packages are, and fetches them elsewhere: on Colab."""
    source = f"git+{book()['repository']}@{book()['branch']}"
    wanted = [f"lmmcore[{EXTRAS}] @ {source}"]
    wanted += [f"{name} @ {source}#subdirectory={name}" for name in PACKAGES[1:]]
    return (
        f"try:\n    import {', '.join(PACKAGES)}\nexcept ModuleNotFoundError:\n"
        "    %pip install -q " + " ".join(f'"{x}"' for x in wanted)
    )


def walk(page: Page, lines: list[str]) -> None:
    """Rewrite lines of MyST into the page's cells."""
    i = begin = 0

    def prose(end: int) -> None:  # in one piece, because a role may go over the end of a line
        kept = [x for x in lines[begin:end] if not re.fullmatch(LABEL, x.strip())]
        write(page, words(page, "\n".join(kept)).split("\n"))

    while i < len(lines):
        fence = FENCE.match(lines[i].strip())
        if fence:
            prose(i)
            end = closing(lines, i, fence.group(1))
            if fence.group(2) is None:
                write(page, lines[i : end + 1])
            else:
                directive(page, read(fence, lines[i + 1 : end]))
            i = begin = end + 1
            continue
        i += 1
    prose(len(lines))


def closing(lines: list[str], start: int, mark: str) -> int:
    for i in range(start + 1, len(lines)):
        if re.fullmatch(re.escape(mark) + re.escape(mark[0]) + "*", lines[i].strip()):
            return i
    raise NotebookError(f"a fence is not closed: {lines[start]}")


def read(fence: re.Match, body: list[str]) -> Directive:
    options: dict[str, object] = {}
    if body and body[0].strip() == "---":
        close = body.index("---", 1)
        options = yaml.safe_load("\n".join(body[1:close])) or {}
        body = body[close + 1 :]
    else:
        text = []
        while body and re.match(r":[\w-]+:", body[0].strip()):
            text.append(body[0].strip()[1:].replace(":", ": ", 1))
            body = body[1:]
        options = yaml.safe_load("\n".join(text)) or {} if text else {}
    return Directive(fence.group(2).strip(), fence.group(3).strip(), options, body)


def write(page: Page, lines: list[str]) -> None:
    if page.solutions or not page.in_solution:
        page.text += lines


def directive(page: Page, found: Directive) -> None:
    """Rewrite one directive."""
    if found.name.split()[0] == "code-cell":
        code = without_glue("\n".join(found.lines).strip("\n"))
        if code and (page.solutions or not page.in_solution):
            page.close_text()
            page.cells.append(nbformat.v4.new_code_cell(code))
    elif found.name == "math":
        write(page, ["", "$$", *(x for x in found.lines if x.strip()), "$$", ""])
    elif found.name == "exercise":
        page.exercises += 1
        name = f" ({words(page, found.argument)})" if found.argument else ""
        write(page, ["", f"### Exercise {page.exercises}{name}", ""])
        walk(page, found.lines)
    elif "hint" in str(found.options.get("class", "")).split():
        write(page, ["", f"<details><summary>{words(page, found.argument)}</summary>", ""])
        walk(page, found.lines)
        write(page, ["", "</details>", ""])
    elif found.name == "solution-start":
        page.in_solution = True
        page.close_text()
        page.solution_cells = len(page.cells)
        write(page, ["", "**Solution**", ""])
    elif found.name == "solution-end":
        if page.solutions:
            page.text += marking(page)
        page.in_solution = False
    elif found.name in ADMONITIONS:
        admonition(page, found)
    elif found.name not in DROPPED:
        raise NotebookError(f"{page.path.name}: the directive {found.name} is not known here")


def admonition(page: Page, found: Directive) -> None:
    """A box is a quotation, its title bold."""
    inner = Page(page.path, page.solutions)
    walk(inner, found.lines)
    if inner.cells:
        raise NotebookError(f"{page.path.name}: an admonition with a code cell in it")
    page.cited += inner.cited
    title = found.argument or found.name.capitalize()
    quoted = [f"> {x}".rstrip() for x in "\n".join(inner.text).strip().splitlines()]
    write(page, ["", f"> **{words(page, title)}**", ">", *quoted, ""])


def without_glue(code: str) -> str:
    """A cell without what only puts numbers into the book's prose: there they are text already."""
    if "glue" not in code:
        return code
    lines, tree = code.splitlines(), ast.parse(code)
    gone = {n for s in tree.body if only_glues(s) for n in range(s.lineno, s.end_lineno + 1)}
    kept = {n for s in tree.body if not only_glues(s) for n in range(s.lineno, s.end_lineno + 1)}
    if gone & kept:
        raise NotebookError(f"a line glues and does something else: {lines[min(gone & kept) - 1]}")
    text = "\n".join(line for n, line in enumerate(lines, 1) if n not in gone)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def only_glues(statement: ast.stmt) -> bool:
    """Whether a statement imports `glue`, calls it, or is a loop that does nothing else."""
    match statement:
        case ast.ImportFrom(module="myst_nb") | ast.Expr(ast.Call(ast.Name("glue"))):
            return True
        case ast.For(body=body, orelse=[]):
            rest = [s for s in body if not only_glues(s)]
            return len(rest) < len(body) and all(isinstance(s, ast.Assign) for s in rest)
    return False


def marking(page: Page) -> list[str]:
    """Marking and common mistakes of the exercise that the solution's cells check, if they do."""
    from lmmbook.exercises import exercises

    cells = page.cells[page.solution_cells :]
    code = "\n".join(c.source for c in cells if c.cell_type == "code")
    identifiers = re.findall(r"\bcheck\(\s*\"([\w-]+)\"", code)
    if not identifiers:
        return []
    exercise = exercises()[identifiers[-1]]
    mistakes = [f"- {m.message}" for m in exercise.misconceptions]
    return ["", f"**Marking.** {exercise.rubric}", "", "**Common mistakes**", "", *mistakes, ""]


# -- roles ---------------------------------------------------------------------------------


def words(page: Page, text: str) -> str:
    """A line's roles as plain Markdown."""

    def replace(match: re.Match) -> str:
        role, content = match.group(1), " ".join(match.group(2).split())
        titled = re.fullmatch(r"(.+?)\s*<([^<>]+)>", content)
        title, target = titled.groups() if titled else (None, content)
        if role in ("ref", "numref", "eq", "result"):
            if target not in places():
                raise NotebookError(f"{page.path.name}: {role} to {target}, which is nowhere")
            there, known = places()[target]
            return linked(title or known, there, target)
        if role.startswith("py:"):
            within = re.sub(rf"^~?(?:{'|'.join(PACKAGES)})\.", "", target)
            return f"`{title or within}`"
        if role.startswith("cite"):
            page.cited += [key.strip() for key in content.split(",")]
            return citation(content, textual=role == "cite:t")
        if role in ("glue", "glue:text"):
            values = glued(page.path.stem)
            if target not in values:
                raise NotebookError(f"{page.path.name}: no cell glues {target}: make record")
            return values[target]
        raise NotebookError(f"{page.path.name}: the role {role} is not known here")

    text = re.sub(r"(?<!`)\{([a-z]+(?::[a-z]+)?)\}`([^`]+)`", replace, text)
    return re.sub(r"\[([^\]]+)\]\((?:[\w-]+\.md)?#([\w-]+)\)", local_link, text)


def local_link(match: re.Match) -> str:
    title, target = match.groups()
    return linked(title, places()[target][0], target) if target in places() else title


def linked(title: str, page: str, anchor: str) -> str:
    there = address(page)
    return f"[{title}]({there}#{anchor})" if there else title


@cache
def book() -> dict[str, str]:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    base = config.get("sphinx", {}).get("config", {}).get("html_baseurl", "")
    repository = config.get("repository", {})
    return {
        "title": config["title"],
        "base": base.rstrip("/"),
        "repository": (repository.get("url") or "").rstrip("/"),
        "branch": repository.get("branch", "main"),
    }


def macros() -> str:
    """The book's TeX macros, for a notebook's own MathJax: a formula that shows nothing."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    known = config["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
    return "$" + "".join(f"\\def\\{name}{{{tex}}}" for name, tex in known.items()) + "$"


def address(page: str) -> str:
    return f"{book()['base']}/chapters/{page}.html" if book()["base"] else ""


@cache
def places() -> dict[str, tuple[str, str]]:
    """Every label and result of the book: its page, and how a reference to it reads."""
    from lmmbook.records import load_all

    found = {r["name"]: (r["chapter"], r["title"]) for r in load_all()}
    for path in pages():
        text = path.read_text(encoding="utf-8")
        for label, title in re.findall(r"^\(([\w-]+)\)=\n+#+ (.+)$", text, flags=re.M):
            found[label] = (path.stem, title.strip())
        named = re.findall(r"^\s*:?(?:label|name):\s*([\w-]+)\s*$", text, flags=re.M)
        for label in named:
            kind = {"def": "the definition", "model": "the model", "fig": "the figure",
                    "ex": "the exercise"}.get(label.split("-")[0], "there")  # fmt: skip
            found.setdefault(label, (path.stem, kind))
    return found


@cache
def glued(stem: str) -> dict[str, str]:
    """The numbers that a chapter's cells put into its prose, from its recording."""
    path = ROOT / "chapters" / f"{stem}.ipynb"
    if not path.exists():
        raise SystemExit(f"error: {shown(path)} is missing: make record CHAPTER={stem}")
    recording = nbformat.read(path, as_version=4)
    values = {}
    for cell in recording.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                plain = next(v for k, v in output.data.items() if k.endswith("text/plain"))
                values[name] = plain.strip("'\"")
    return values


@cache
def bibliography():
    return parse_file(str(ROOT / "references.bib")).entries


def authors(key: str) -> str:
    entry = bibliography()[key]
    if "author" not in entry.persons:
        return entry.fields["title"]
    names = [" ".join(p.prelast_names + p.last_names) for p in entry.persons["author"]]
    return names[0] + " et al." if len(names) > 2 else " and ".join(names)


def citation(keys: str, textual: bool) -> str:
    found = [k.strip() for k in keys.split(",")]
    parts = [(authors(k), bibliography()[k].fields.get("year", "undated")) for k in found]
    if textual:
        return ", ".join(f"{who} ({year})" for who, year in parts)
    return "(" + "; ".join(f"{who}, {year}" for who, year in parts) + ")"


def reference(key: str) -> str:
    fields = bibliography()[key].fields
    where = next((fields[k] for k in ("journal", "publisher", "howpublished") if k in fields), "")
    year = fields.get("year", "undated")
    text = f"{authors(key)} ({year}). {fields['title']}. {where}."
    return re.sub(r"[{}]|\\url", "", text)


# -- writing -------------------------------------------------------------------------------


def write_all(out: Path = OUT) -> list[Path]:
    """Every chapter's two notebooks and a zip archive for each kind."""
    written = []
    for kind in KINDS:
        (out / kind).mkdir(parents=True, exist_ok=True)
        for old in (out / kind).glob("*.ipynb"):
            old.unlink()
        for page in filter(is_notebook, pages()):
            made = notebook(page, solutions=kind == "instructor")
            written.append(out / kind / f"{page.stem}.ipynb")
            written[-1].write_text(nbformat.writes(made).rstrip("\n") + "\n", encoding="utf-8")
        with zipfile.ZipFile(out / f"{kind}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((out / kind).glob("*.ipynb")):
                entry = zipfile.ZipInfo(f"{kind}/{path.name}", (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return written


if __name__ == "__main__":
    try:
        done = write_all()
    except NotebookError as error:
        sys.exit(f"error: {error}")
    print(f"{len(done)} notebooks and two archives are in {OUT.relative_to(ROOT)}.")
