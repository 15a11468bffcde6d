"""A bar for long work, shown where somebody watches: in a terminal or in a live notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

WIDTH = 30


def progress(items: Sequence[Any], what: str, show: bool | None = None) -> Iterator[Any]:
    """Pass the items on, and draw on stderr how many are done and how long the rest will take.

    By default the bar is shown in a terminal and in a notebook that somebody has open, and is
    silent in files, pipes and notebooks that are run by a program.
    """
    if not (watched() if show is None else show):
        yield from items
        return
    start, drawn, total = time.monotonic(), 0.0, len(items)
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - drawn > 0.1 or done == total:
            drawn, rest = now, (now - start) / done * (total - done)
            bar = "#" * (WIDTH * done // total)
            sys.stderr.write(f"\r{what}: [{bar:<{WIDTH}}] {done}/{total}, {rest:.0f} s left ")
            sys.stderr.flush()
    sys.stderr.write("\n")


def watched() -> bool:
    """Whether stderr is a terminal, or the output of a notebook with a person at it."""
    if sys.stderr.isatty():
        return True
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    # only a front end with a person can answer input(); one that is run by a program cannot
    return bool(getattr(getattr(shell, "kernel", None), "_allow_stdin", False))
