"""The chapters: where they are, what is wrong with their source, how they run.

The book build (``site/ext/book_build.py``) and ``make record`` run a chapter through
the same function, ``execute``, so that both fail with the same message.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools import inline_claims

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 300  # seconds a cell may take
LONGEST = 60  # lines of an exception's text that are shown


class ChapterError(Exception):
    """What is wrong, beginning with the chapter's name and, if it has one, the cell."""


def settle_environment() -> None:
    """The kernel of this environment, and nothing of the user's own configuration."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    os.environ["IPYTHONDIR"] = str(Path(sys.prefix) / "ipython")
    os.environ["MPLCONFIGDIR"] = str(Path(sys.prefix) / "matplotlib")
    os.environ["PYTHONHASHSEED"] = "0"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    # threads that wait for one another on cores which are busy cost more than they save
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["PYTHONPATH"] = str(ROOT)  # chapters use this tree's packages, no other
    os.environ["MATRIXPROOF_RECORDS"] = str(ROOT / "lmmbook" / "records")
    for name in ("MPLBACKEND", "PYTHONSTARTUP", "PYTHONWARNINGS"):
        os.environ.pop(name, None)


def pages() -> list[Path]:
    """The book's pages, in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found: list[Path] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            name = node.get("root") or node.get("file")
            if name:
                found.append(ROOT / (name if name.endswith(".md") else f"{name}.md"))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(toc)
    return found


@dataclass(frozen=True)
class Cell:
    """A code cell of a chapter's source: ``line`` is where its code begins, ``number`` from 1."""

    number: int
    line: int
    code: str
    tags: tuple[str, ...]


def cells(page: Path) -> list[Cell]:
    """The code cells of a chapter, with their lines."""
    found: list[Cell] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    i = 0
    while i < len(lines):
        fence = re.match(r"(`{3,}|~{3,}|:{3,})\s*(\{[^}]*\})?", lines[i])
        if not fence:
            i += 1
            continue
        mark, directive = fence.group(1), fence.group(2)
        is_cell = bool(directive) and directive[1:-1].split()[:1] == ["code-cell"]
        if mark[0] == ":" and not is_cell:  # a colon fence may hold anything, cells too
            i += 1
            continue
        start = i + 1
        end = start
        while end < len(lines) and not re.match(re.escape(mark) + mark[0] + r"*\s*$", lines[end]):
            end += 1
        if is_cell:
            body, options = lines[start:end], ""
            if body and body[0].strip() == "---":
                close = next((k for k in range(1, len(body)) if body[k].strip() == "---"), 0)
                options = "\n".join(body[1:close])
                start, body = start + close + 1, body[close + 1 :]
            else:
                while body and body[0].startswith(":"):
                    options += body[0][1:] + "\n"
                    start, body = start + 1, body[1:]
            while body and not body[0].strip():
                start, body = start + 1, body[1:]
            tags = (yaml.safe_load(options) or {}).get("tags", []) if options.strip() else []
            code = "\n".join(body).strip("\n")
            found.append(Cell(len(found) + 1, start + 1, code, tuple(tags)))
        i = end + 1
    return found


def is_notebook(page: Path) -> bool:
    """Whether a page has code to run (the others are prose, and have no recording)."""
    return bool(cells(page))


def check_source(page: Path) -> list[str]:
    """What can be seen to be wrong with a chapter before anything runs, a line each."""
    name = shown(page)
    if not page.exists():
        return [f"{name}: is named in _toc.yml, but there is no such file"]
    text = page.read_text(encoding="utf-8")
    header: object = {}
    if text.startswith("---\n"):
        block, closing, _ = text[4:].partition("\n---\n")
        if not closing:
            return [f"{name}: the YAML header that begins on line 1 is not closed by a line ---"]
        try:
            header = yaml.safe_load(block)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 2}" if mark else ""
            why = getattr(error, "problem", None) or "it does not parse"
            return [f"{name}{line}: the YAML header is broken: {why}"]
        if not isinstance(header, dict):
            return [f"{name}: the YAML header is not a list of `key: value` lines"]
    try:
        found = cells(page)
    except (yaml.YAMLError, AttributeError):
        return [f"{name}: the options of a code cell are broken YAML"]
    if found and "kernelspec" not in header:
        return [f"{name}: has code cells, but no kernelspec in its YAML header: none would run"]
    wrong = []
    for cell in found:
        where = f"{name}, cell {cell.number} (line {cell.line})"
        for tag in cell.tags:
            if tag in ("raises-exception", "skip-execution") or tag.startswith("nbval-"):
                wrong.append(f"{where}: the tag {tag} would hide a failure")
        if re.search(r"^\s*#\s*NBVAL_", cell.code, flags=re.M):
            wrong.append(f"{where}: an NBVAL comment would hide a difference")
        if not cell.code.strip():
            wrong.append(f"{where}: the cell is empty")
    return wrong + fallen_displays(name, text)


PROSE = re.compile(r"\{(?!code|math|raw|eval-rst|literalinclude|toctree|mermaid|list-table)")


def fallen_displays(name: str, text: str) -> list[str]:
    """Displays that would silently become inline: no empty line above, or words before the $$."""
    wrong: list[str] = []
    fences: list[tuple[str, bool]] = []  # the open fences: their marks, and whether they hold prose
    above, inside = "", False
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        fence = re.match(r"(`{3,}|~{3,}|:{3,})\s*(.*)", bare)
        if fence and fences and not fence.group(2) and bare.startswith(fences[-1][0]):
            fences.pop()
            bare = ""
        elif fence and all(prose for _, prose in fences):
            fences.append((fence.group(1), bool(PROSE.match(fence.group(2)))))
            bare = ""
        elif all(prose for _, prose in fences) and "$$" in re.sub(r"`[^`]*`", "", bare):
            if not inside and not bare.startswith("$$"):
                wrong.append(f"{name}, line {number}: $$ after text: a display begins its own line")
            elif not inside and above and not above.startswith((":", "---")):
                wrong.append(f"{name}, line {number}: a display needs an empty line above")
            if bare.count("$$") % 2:
                inside = not inside
        above = bare
    if inside:
        wrong.append(f"{name}: a $$ is not closed")
    return wrong


def check_sources() -> list[str]:
    """The same for all pages, and for files that the table of contents forgot."""
    wrong = [message for page in pages() for message in check_source(page)]
    for page in (p for p in pages() if p.exists()):
        wrong += [f"{shown(page.parent)}/{x}" for x in inline_claims.check_page(page)]
    for page in sorted(set((ROOT / "chapters").glob("*.md")) - set(pages())):
        wrong.append(f"{shown(page)}: is not in _toc.yml")
    return wrong


def shown(page: Path) -> str:
    """A page's name as messages give it."""
    try:
        return page.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return page.name


IN_KERNEL = ROOT / "tools" / "in_kernel.py"


def execute(notebook, page: Path, reads: Path | None = None) -> None:
    """Run a notebook in place, from an empty kernel. Raise ChapterError if it fails.

    Failing is: an exception, a cell that takes too long, anything on stderr. With ``reads``, the
    files that the chapter opens are noted there, and what cells show is set for print, too.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    if not code:
        return
    settle_environment()
    os.environ["MATRIXPROOF_CHAPTER"] = page.stem  # the ledger's records name their chapter
    arguments = []
    if reads is not None:
        os.environ["LMMCORE_READS"] = str(reads)
        start = f"__import__('runpy').run_path({str(IN_KERNEL)!r}, globals())"
        arguments = [f"--IPKernelApp.exec_lines={start}"]
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=arguments,
        resources={"metadata": {"path": str(page.parent)}},
    )
    running = 0

    def note(cell, cell_index, **_):
        nonlocal running
        running = cell_index

    client.on_cell_start = note
    try:
        # what the kernel's process itself writes, when it is shut down, is no output of a cell
        client.execute(stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        where = place(page, code.index(running) + 1, error.traceback)
        text = error.evalue.strip().splitlines() or [""]
        if len(text) > LONGEST:
            text = [*text[:LONGEST], f"... ({len(text) - LONGEST} more lines)"]
        raise ChapterError(f"{where}: {error.ename}: " + "\n    ".join(text)) from None
    except CellTimeoutError:
        where = place(page, code.index(running) + 1)
        raise ChapterError(f"{where}: took longer than {TIMEOUT} s") from None
    except DeadKernelError:
        where = place(page, code.index(running) + 1)
        raise ChapterError(f"{where}: the kernel died (out of memory?)") from None
    for number, index in enumerate(code, 1):
        for output in notebook.cells[index].outputs:
            if output.output_type == "stream" and output.name == "stderr":
                text = output.text.strip().splitlines()
                said = "\n    ".join(text[:LONGEST])
                raise ChapterError(f"{place(page, number)}: writes to stderr: {said}")
        notebook.cells[index].outputs = joined(notebook.cells[index].outputs)


def joined(outputs: list) -> list:
    """Neighbouring pieces of stdout as one: how they were cut is a matter of timing."""
    result: list = []
    for output in outputs:
        if output.output_type == "stream" and result and result[-1].output_type == "stream":
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def place(page: Path, number: int, traceback: str = "") -> str:
    """``chapters/NAME.md, cell 7 (line 123)``; the line that failed, where it is known."""
    found = cells(page)
    if number > len(found):
        return f"{shown(page)}, cell {number}"
    line = found[number - 1].line
    plain = re.sub(r"\x1b\[[0-9;]*m", "", traceback)
    within = re.search(r"Cell In\[\d+\], line (\d+)", plain)
    if within:
        line += int(within.group(1)) - 1
    return f"{shown(page)}, cell {number} (line {line})"
