"""Runs of the chapters that are kept in _build/executed, and when one may be used again.

A run is kept with a fingerprint of all that it depends on: its code, the environment, each file
of the project that it opened and each folder that it listed (tools/in_kernel.py sees them). If one
of these is different, the chapter is run again: no number on a page is older than its code.

`make book` runs every page from scratch and only writes here; `make serve` and `make pdf` read.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import nbformat

from tools.chapters import ROOT

STORE = ROOT / "_build" / "executed"
READS = "LMMCORE_READS"
ALWAYS = ("requirements.txt", *(f"tools/{x}.py" for x in ("chapters", "in_kernel", "printed")))
KEPT = 3  # runs of a chapter, for editions with and without solutions
BYTECODE = re.compile(r"__pycache__/([^/]+?)\.[^/.]+\.pyc(\.\d+)?$")


def code(notebook) -> str:
    """The fingerprint of a chapter's code and of the program that runs it."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps([sys.version, *cells]).encode()).hexdigest()


def fingerprint(name: str) -> str:
    """Of a file its bytes, of a folder the names in it."""
    path = ROOT / name
    if path.is_dir():
        content = "\n".join(sorted(p.name for p in path.iterdir() if p.name != "__pycache__"))
    elif path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        content = "absent"
    return hashlib.sha256(content.encode()).hexdigest()


def sources(reads: str) -> set[str]:
    """The files and folders that a run read: byte code is named by its source."""
    found = {BYTECODE.sub(r"\1.py", line) for line in reads.splitlines()}
    # folders outside are listed only in the search for modules, and change with every build
    inside = ("lmm", "matrixproof", "benchmarks")
    kept = {x for x in found if not (ROOT / x).is_dir() or x.startswith(inside)}
    return {x for x in kept if "__pycache__" not in x} | set(ALWAYS)


def place(page: Path, notebook) -> Path:
    return STORE / f"{page.stem}-{code(notebook)[:16]}.json"


def keep(page: Path, notebook, reads: str, seconds: float) -> None:
    """Write down a run that succeeded."""
    STORE.mkdir(parents=True, exist_ok=True)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    run = {
        "code": code(notebook),
        "reads": {name: fingerprint(name) for name in sorted(sources(reads))},
        "seconds": round(seconds, 2),
        "cells": [
            {"execution_count": cell.execution_count, "outputs": cell.outputs} for cell in cells
        ],
    }
    target = place(page, notebook)
    target.write_text(json.dumps(run), encoding="utf-8")
    older = sorted(STORE.glob(f"{page.stem}-*.json"), key=lambda p: -p.stat().st_mtime)
    for path in older[KEPT:]:
        path.unlink()


def restore(page: Path, notebook) -> float | None:
    """Give a notebook the outputs of its run, if there is one that is not out of date.

    Returns the seconds that the run took, or None: then it must be run.
    """
    path = place(page, notebook)
    if not path.exists():
        return None
    run = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if run["code"] != code(notebook) or len(run["cells"]) != len(cells):
        return None
    if any(fingerprint(name) != value for name, value in run["reads"].items()):
        return None
    for cell, made in zip(cells, run["cells"], strict=True):
        cell.execution_count = made["execution_count"]
        cell.outputs = [nbformat.from_dict(output) for output in made["outputs"]]
    return run["seconds"]


def stale(page: Path) -> bool:
    """Whether something that a chapter's last run read is different now."""
    runs = sorted(STORE.glob(f"{page.stem}-*.json"), key=lambda p: p.stat().st_mtime)
    if not runs:
        return False  # a page without cells, or one that was never run and is new to Sphinx too
    reads = json.loads(runs[-1].read_text(encoding="utf-8"))["reads"]
    return any(fingerprint(name) != value for name, value in reads.items())
