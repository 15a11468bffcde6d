"""The book's results, a file each: `make record` writes them, every other run compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matrixproof
from matrixproof import Result
from matrixproof.page import records

FOLDER = Path(__file__).parent


def load(name: str) -> dict[str, Any]:
    """The record of a result of the book, by its name."""
    return records.load(name, FOLDER)


def load_all() -> list[dict[str, Any]]:
    """All records of the book, by name."""
    return records.load_all(FOLDER)


def recall(name: str) -> Result:
    """A result of another chapter, proved again from its record before it can be cited."""
    return matrixproof.recall(name, FOLDER)
