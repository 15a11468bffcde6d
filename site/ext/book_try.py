"""Sphinx extension: Python for the page "Try it", served from the site itself.

    pyodide/        Python compiled to WebAssembly, as npm fetched it (tools/setup.py)
    try/sympy.zip   SymPy and mpmath of this environment, without their tests
    try/book.zip   the derivation checker, the records, and the judges of the exercises
    try/page.js, worker.js, runner.py, page.css

Only that page names these files, and only its button loads the large ones.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from sphinx.errors import ExtensionError

from book_downloads import holds_back, results_of_solutions
from lmmbook.exercises import find

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "site" / "try"
PYODIDE = Path(sys.prefix) / "browser" / "node_modules" / "pyodide"
FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
PAGE = "chapters/try"
APART = {"tests", "benchmarks", "physics", "__pycache__"}


def archive(files: Iterator[tuple[str, Path]]) -> bytes:
    """A zip archive whose bytes depend on names and contents only."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, path in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, path.read_bytes())
    return out.getvalue()


def installed(*packages: str) -> Iterator[tuple[str, Path]]:
    """The modules and licences of packages that the lock has installed."""
    for package in packages:
        for file in metadata.files(package):
            wanted = file.suffix == ".py" or file.name == "LICENSE"
            if wanted and not APART & set(file.parts) and ".." not in file.parts:
                yield file.as_posix(), Path(file.locate())


def checker() -> Iterator[tuple[str, Path]]:
    """What needs SymPy only: the checker, the book's records, and the judges of the exercises.

    In an edition without solutions: only the judges that the page calls, and no record of what a
    solution derives.
    """
    book = ROOT / "lmmbook"
    counts = (book / "demos" / f"{name}.py" for name in ("__init__", "operation_counts"))
    paths = [book / "__init__.py", *counts]
    for part in (ROOT / "matrixproof", book / "records", book / "exercises"):
        paths += (p for p in part.rglob("*") if p.suffix in (".py", ".json"))
    if holds_back():
        text = (ROOT / f"{PAGE}.md").read_text(encoding="utf-8")
        called = {find(name).chapter for name in re.findall(r'check\("([\w-]+)"', text)}
        judges = {"__init__", *(chapter.replace("-", "_") for chapter in called)}
        away = results_of_solutions()
        paths = [
            p
            for p in paths
            if not (p.parent.name == "bank" and p.stem not in judges)
            and not (p.parent.name == "records" and p.stem in away)
        ]
    for path in paths:
        yield path.relative_to(ROOT).as_posix(), path


def prepare(app):
    """Everything in memory, so that the page can say how much it would load."""
    app.book_try = {}
    if app.builder.format != "html" or not (ROOT / f"{PAGE}.md").exists():
        return
    missing = [name for name in FILES if not (PYODIDE / name).exists()]
    if missing:
        raise ExtensionError(f"{PYODIDE} has no {', '.join(missing)}: make setup")
    files = {f"pyodide/{name}": (PYODIDE / name).read_bytes() for name in FILES}
    files["try/sympy.zip"] = archive(installed("sympy", "mpmath"))
    files["try/book.zip"] = archive(checker())
    app.book_try = files


def announce(app, pagename, templatename, context, doctree):
    """Style and script on that page, and on no other."""
    if pagename != PAGE or not app.book_try:
        return
    size = sum(map(len, app.book_try.values())) / 1e6
    place = context["pathto"]
    context["metatags"] = context.get("metatags", "") + (
        f'\n<link rel="stylesheet" href="{place("try/page.css", 1)}">'
        f'\n<script defer src="{place("try/page.js", 1)}" data-megabytes="{size:.0f}"></script>'
    )


def write(app, exception):
    if exception is not None or not app.book_try:
        return
    for name, content in app.book_try.items():
        path = Path(app.outdir) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    for path in SOURCE.iterdir():
        if path.is_file():
            shutil.copyfile(path, Path(app.outdir) / "try" / path.name)


def setup(app):
    app.connect("builder-inited", prepare)
    app.connect("html-page-context", announce)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
