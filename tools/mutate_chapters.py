"""Make every line of every derivation of the chapters wrong, in all ways, and see it refused.

    make mutate CHAPTER=block-matrices       one chapter; without CHAPTER all of them

A mutant is refuted by an exact counterexample, or proved (another way to write the line), or makes
no sense in its setting. One that is none of these is attacked once more, on more and larger
instances; if it stands, it is listed with what was seen: a line that is not proved is refused on
the page, true or not, but nobody has shown that this one is false. What was seen is written to
lmmbook/ledger/mutants.json, from which the ledger page is made.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.chapters import ROOT, cells, is_notebook, pages, settle_environment

ACCOUNT = ROOT / "lmmbook" / "ledger" / "mutants.json"
OUTCOMES = ("refuted", "proved", "rejected")


@dataclass
class Account:
    """What became of the mutants of one chapter."""

    lines: list[str] = field(default_factory=list)
    outcomes: Counter = field(default_factory=Counter)
    unproved: list[dict[str, str]] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        return {
            "lines": len(self.lines),
            **{k: self.outcomes[k] for k in OUTCOMES},
            "unproved": self.unproved,
        }


@contextlib.contextmanager
def watching(account: Account, sample: int | None = None) -> Iterator[None]:
    """While it lasts, the mutants of every step that succeeds are judged.

    ``sample`` is how many of a line's mutants, chosen by a seed; all of them when it is None.
    """
    import matrixproof as proof
    from matrixproof.language.errors import SoundnessError
    from matrixproof.language.printing import plain
    from matrixproof.page import entries
    from matrixproof.page.derivation import Derivation
    from matrixproof.recalling import recalling
    from matrixproof.slips.derivations import judge, mutants
    from matrixproof.slips.entries import entry_mutants, judge_entries

    step, by_entries = Derivation.step, entries.by_entries

    def chosen(found: list, text: str) -> list:
        if sample is None or len(found) <= sample:
            return found
        return random.Random(text).sample(found, sample)

    def watched(self, new, reason="", by=(), strict=True):
        by = list(by)
        step(self, new, reason, by, strict)
        if not recalling():
            old, line = (x.expression for x in self.lines[-2:])
            text = f"{plain(old)} = {plain(line)}"
            account.lines.append(text)
            proved = line if self.lines[-1].status == "proved" else None
            for m in chosen(mutants(line, self.setting), text):
                try:
                    verdict = judge(self.setting, old, m.expression, by, proved)
                except SoundnessError as error:
                    raise SoundnessError(f"{text}, {m}: {error}") from error
                if verdict == "instances":
                    verdict, seen = second_attack(self.setting, old, m.expression)
                    if seen:
                        slip = str(m) + redefined(line, m.expression)
                        account.unproved.append({"line": text, "mutant": slip, "seen": seen})
                account.outcomes[verdict] += 1
        return self

    def watched_entries(left, right, *args, **kwargs):
        out = by_entries(left, right, *args, **kwargs)
        if proof.by_entries is not watched_entries:  # a chapter keeps what it imported
            return out
        account.lines.append(out.statement())
        for _, m in chosen(entry_mutants(right), out.statement()):
            account.outcomes[judge_entries(left, m)] += 1
        return out

    Derivation.step = watched
    proof.by_entries = watched_entries
    try:
        yield
    finally:
        Derivation.step, proof.by_entries = step, by_entries


def redefined(line, mutant) -> str:
    """The definitions within a mutant that are not those of the line."""
    from matrixproof.language.printing import plain
    from matrixproof.language.trees import definitions_in

    known = {x.key() for x in definitions_in([line])}
    slips = [x for x in definitions_in([mutant]) if x.key() not in known]
    return "".join(f", with {x.value} = {plain(x.args[0])}" for x in slips)


def second_attack(setting, lhs, rhs) -> tuple[str, str]:
    """A mutant that is neither proved nor refuted, on more, larger and dearer instances."""
    from matrixproof.judges.counterexamples import search
    from matrixproof.judges.evaluation import MOST_POINTS

    found, tested = search(setting, lhs, rhs, shapes=6, per_shape=4, shrink=False,
                           most_points=40 * MOST_POINTS)  # fmt: skip
    if found:
        return "refuted", ""
    return "unproved", f"true on {tested} exact instances, without a certificate"


def judge_chapter(page: Path, sample: int | None = None) -> Account:
    """Run a chapter in this process and judge the mutants of its lines."""
    settle_environment()
    os.environ["MATRIXPROOF_CHAPTER"] = page.stem
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    account, before = Account(), Path.cwd()
    os.chdir(page.parent)
    try:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        with watching(account, sample), contextlib.redirect_stdout(io.StringIO()):
            for cell in cells(page):
                exec(compile(cell.code, f"<{page.stem}, cell {cell.number}>", "exec"), namespace)
                plt.close("all")
    finally:
        os.chdir(before)
    return account


def proves(page: Path) -> bool:
    text = page.read_text("utf-8")
    return is_notebook(page) and (".step(" in text or "by_entries(" in text)


def timed(page: Path) -> tuple[dict[str, Any], float]:
    begin = time.perf_counter()
    from lmmbook.ledger.mutants import digest

    data = judge_chapter(page).data() | {"digest": digest(page.stem)}
    return data, time.perf_counter() - begin


def main(names: list[str]) -> int:
    chosen = [p for p in pages() if proves(p) and (not names or p.stem in names)]
    if names and len(chosen) < len(names):
        sys.exit(f"error: no chapter with derivations is called {' or '.join(names)}")
    failed = False
    with ProcessPoolExecutor(2, max_tasks_per_child=1) as pool:
        begun = {pool.submit(timed, page): page.stem for page in chosen}
        for ended in as_completed(begun):  # what is done is written, whatever follows
            chapter = begun[ended]
            if error := ended.exception():
                failed = True
                print(f"error: {chapter}: {type(error).__name__}: {error}", flush=True)
                continue
            data, seconds = ended.result()
            write(chapter, data)
            done = sum(data[k] for k in OUTCOMES) + len(data["unproved"])
            print(f"{chapter}: {data['lines']} lines, {done} mutants, {data['refuted']} refuted, "
                  f"{len(data['unproved'])} unproved, {seconds:.0f} s", flush=True)  # fmt: skip
    print(f"The account is in lmmbook/ledger/{ACCOUNT.name}.")
    return int(failed)


def write(chapter: str, data: dict[str, Any]) -> None:
    """Enter what was seen of one chapter; that of others may have changed meanwhile."""
    old = json.loads(ACCOUNT.read_text("utf-8")) if ACCOUNT.exists() else {}
    kept = {p.stem for p in pages() if proves(p)}
    accounts = {k: v for k, v in old.items() if k in kept} | {chapter: data}
    text = json.dumps(accounts, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    ACCOUNT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
