"""What the fast run of the tests leaves out: slow tests of nothing that was changed.

A test marked ``slow(share)`` stays if it is of a chapter that was changed, or if one of the folders
that it guards was; of those that nothing touched one in ``share`` is drawn, by the day, so that
each has its turn in ``share`` days; `make test DAY=n` draws as day n does. Only `make test` asks
for it, by pytest's option --day: whoever calls pytest otherwise runs all that is named.
"""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from tools.chapters import ROOT

T = TypeVar("T")
DAY = "LMMBOOK_DAY"


def day() -> int:
    """The day whose share is drawn: today, or the one that was asked for."""
    return int(os.environ.get(DAY) or datetime.date.today().toordinal())


def git(*arguments: str) -> list[str]:
    """The lines that git answers; none where there is no repository or no such commit."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [] if done.returncode else done.stdout.splitlines()


def changed() -> set[str]:
    """Files that differ from main (on main: from the commit before), or are not committed."""
    head, base = git("rev-parse", "HEAD"), git("merge-base", "HEAD", "main")
    since = ["HEAD~1"] if base in ([], head) else base
    files = git("diff", "--name-only", "--no-renames", *since)
    return {*(files or git("diff", "--name-only", "HEAD")),
            *git("ls-files", "--others", "--exclude-standard")}  # fmt: skip


def touched(chapter: str, guards: Iterable[str], files: set[str]) -> bool:
    """Whether a changed file is the chapter's (its text, bank, figures) or under a guarded path."""
    stems = {Path(name).stem.replace("_", "-") for name in files}
    return chapter in stems or any(name.startswith(path) for path in guards for name in files)


def drawn(items: list[T], share: int, key: Callable[[T], str], today: int) -> list[T]:
    """One in ``share`` of the items; those of one key stay together."""
    keys = list(dict.fromkeys(map(key, items)))
    turn = {k for number, k in enumerate(keys) if (number + today) % share == 0}
    return [item for item in items if key(item) in turn]
