"""Make every line of every derivation of the chapters wrong, in all ways, and see it refused.

    make mutate                              the lines that have not been tried
    make mutate CHAPTER=block-matrices       those of one chapter
    make mutate SAMPLE=200                   that many mutants of the accounts again

A mutant is refuted by an exact counterexample, or proved (another way to write the line), or makes
no sense in its setting. One that is none of these is attacked once more, on more and larger
instances; if it stands, it is listed with what was seen: a line that is not proved is refused on
the page, true or not, but nobody has shown that this one is false.

What was seen is a batch in lmmbook/ledger/mutants.json: lines, each with the number of its mutants,
and what became of all of them. A line is known by what it says and by its setting, wherever it
stands. The ledger page is made from that file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

import matrixproof
from lmmbook.ledger.mutants import OUTCOMES, line_key
from matrixproof.judges.counterexamples import search
from matrixproof.judges.evaluation import MOST_POINTS
from matrixproof.language.errors import SoundnessError
from matrixproof.language.expressions import Expr
from matrixproof.language.printing import plain
from matrixproof.language.trees import definitions_in
from matrixproof.page import entries
from matrixproof.page.derivation import Derivation
from matrixproof.recalling import recalling
from matrixproof.setting import Setting
from matrixproof.slips import derivations
from matrixproof.slips.entries import entry_mutants, judge_entries
from tools.chapters import ROOT, cells, is_notebook, pages, settle_environment

ACCOUNT = ROOT / "lmmbook" / "ledger" / "mutants.json"


@dataclass(frozen=True)
class Step:
    """A line that was just shown to equal the line before, with its setting as it is now."""

    setting: Setting
    old: Expr
    new: Expr
    by: list[Any]
    proved: bool

    @property
    def text(self) -> str:
        return f"{plain(self.old)} = {plain(self.new)}"

    @property
    def declared(self) -> str:
        """What the mutants, and the judges, take from the setting."""
        s = self.setting
        letters = [f"{x.name}: {x.shape}, {x.kind}" for x in s.letters.values()]
        scalars = [f"{x} > 0" if x.is_positive else str(x) for x in s.scalar_symbols.values()]
        equations = [f"{plain(h.lhs)} = {plain(h.rhs)}" for h in s.hypotheses]
        random = [f"{name} ~ {plain(noise.covariance)}" for name, noise in s.noises.items()]
        return "\n".join([s.names, s.where, *sorted(letters + scalars + equations + random)])

    def mutants(self) -> list[derivations.Mutant]:
        return derivations.mutants(self.new, self.setting)

    def judge(self, mutant: derivations.Mutant) -> tuple[str, str]:
        """What became of a mutant, and what was seen of one of which nothing is known."""
        wrong, line = mutant.expression, self.new if self.proved else None
        try:
            verdict = derivations.judge(self.setting, self.old, wrong, self.by, line)
        except SoundnessError as error:
            raise SoundnessError(f"{self.text}, {mutant}: {error}") from error
        if verdict == "instances":
            return second_attack(self.setting, self.old, wrong)
        return verdict, ""

    def shown(self, mutant: derivations.Mutant) -> str:
        """The mutant, and the definitions within it that are not those of the line."""
        same = {x.key() for x in definitions_in([self.new])}
        slips = [x for x in definitions_in([mutant.expression]) if x.key() not in same]
        return str(mutant) + "".join(f", with {x.value} = {plain(x.args[0])}" for x in slips)


@dataclass(frozen=True)
class Claim:
    """A claim about explicit expressions that was just checked by entries."""

    claim: matrixproof.ByEntries
    declared = ""

    @property
    def text(self) -> str:
        return self.claim.statement()

    def mutants(self) -> list[Any]:
        return [wrong for _, wrong in entry_mutants(self.claim.right)]

    def judge(self, mutant: Any) -> tuple[str, str]:
        return judge_entries(self.claim.left, mutant), ""


def second_attack(setting: Setting, lhs: Expr, rhs: Expr) -> tuple[str, str]:
    """A mutant that is neither proved nor refuted, on more, larger and dearer instances."""
    found, tested = search(setting, lhs, rhs, shapes=6, per_shape=4, shrink=False,
                           most_points=40 * MOST_POINTS)  # fmt: skip
    if found:
        return "refuted", ""
    return "unproved", f"true on {tested} exact instances, without a certificate"


@contextlib.contextmanager
def watching(see: Callable[[Step | Claim], None]) -> Iterator[None]:
    """While it lasts, every line that succeeds is seen, but for those that are recalled."""
    step, by_entries = Derivation.step, entries.by_entries

    def watched(self, new, reason="", by=(), strict=True):
        by = list(by)
        step(self, new, reason, by, strict)
        if not recalling():
            old, line = self.lines[-2:]
            see(Step(self.setting, old.expression, line.expression, by, line.status == "proved"))
        return self

    def watched_entries(*args, **kwargs):
        out = by_entries(*args, **kwargs)
        if matrixproof.by_entries is watched_entries:  # a chapter keeps what it imported
            see(Claim(out))
        return out

    Derivation.step = watched
    matrixproof.by_entries = watched_entries
    try:
        yield
    finally:
        Derivation.step, matrixproof.by_entries = step, by_entries


@dataclass
class Batch:
    """Lines, each with the number of its mutants, and what became of those."""

    lines: dict[str, int] = field(default_factory=dict)
    outcomes: Counter = field(default_factory=Counter)
    unproved: list[dict[str, str]] = field(default_factory=list)

    def enter(self, line: Step | Claim, mutants: list[Any]) -> None:
        """Judge mutants of a line."""
        self.lines[key_of(line)] = len(mutants)
        for mutant in mutants:
            verdict, seen = line.judge(mutant)
            self.outcomes[verdict] += 1
            if seen:
                slip = {"line": line.text, "mutant": line.shown(mutant), "seen": seen}
                self.unproved.append(slip)

    def data(self) -> dict[str, Any]:
        outcomes = {x: self.outcomes[x] for x in OUTCOMES}
        return {"lines": self.lines, **outcomes, "unproved": self.unproved}


def key_of(line: Step | Claim) -> str:
    return line_key(line.text, line.declared)


def run(page: Path, see: Callable[[Step | Claim], None]) -> None:
    """Run a chapter in this process, and see its lines."""
    os.environ["MATRIXPROOF_CHAPTER"] = page.stem
    matplotlib.use("agg")
    with contextlib.chdir(page.parent), contextlib.redirect_stdout(io.StringIO()), watching(see):
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for cell in cells(page):
            exec(compile(cell.code, f"<{page.stem}, cell {cell.number}>", "exec"), namespace)
            plt.close("all")


def judge_chapter(page: Path, known: set[str], wanted: dict[str, list[int]] | None
                  ) -> tuple[Batch, set[str]]:  # fmt: skip
    """Judge the mutants of the lines that are not known, or else those that are wanted.

    Returns the keys of all its lines as well.
    """
    batch, met = Batch(), set()

    def see(line: Step | Claim) -> None:
        key = key_of(line)
        if key not in met and wanted and key in wanted:
            mutants = line.mutants()
            batch.enter(line, [mutants[i % len(mutants)] for i in wanted[key]])
        elif key not in met and wanted is None and key not in known:
            batch.enter(line, line.mutants())
        met.add(key)

    run(page, see)
    return batch, met


def proves(page: Path) -> bool:
    text = page.read_text("utf-8")
    return is_notebook(page) and (".step(" in text or "by_entries(" in text)


def sample_of(batches: list[dict[str, Any]], size: int) -> dict[str, list[int]]:
    """By line, the numbers of the mutants that are judged again."""
    lines = {key: n for batch in batches for key, n in batch["lines"].items()}
    mutants = [(key, i) for key, n in lines.items() for i in range(n)]
    wanted = defaultdict(list)
    for key, i in random.Random(size).sample(mutants, size):
        wanted[key].append(i)
    return dict(wanted)


def judged(chosen: list[Path], known: set[str], wanted: dict[str, list[int]] | None
           ) -> Iterator[tuple[str, Batch, set[str]]]:  # fmt: skip
    """Chapter by chapter, as they end; one that fails is named."""
    with ProcessPoolExecutor(2, max_tasks_per_child=1) as pool:
        begun = {pool.submit(judge_chapter, page, known, wanted): page.stem for page in chosen}
        for ended in as_completed(begun):
            chapter = begun[ended]
            if error := ended.exception():
                print(f"error: {chapter}: {type(error).__name__}: {error}", flush=True)
            else:
                yield chapter, *ended.result()


def main(names: list[str], sample: int) -> int:
    settle_environment()
    chosen = [p for p in pages() if proves(p) and (not names or p.stem in names)]
    if names and len(chosen) < len(names):
        sys.exit(f"error: no chapter with derivations is called {' or '.join(names)}")
    batches = json.loads(ACCOUNT.read_text("utf-8"))
    known = {key for batch in batches for key in batch["lines"]}
    wanted = sample_of(batches, sample) if sample else None
    ended, open_, all_met = 0, 0, set()
    for chapter, batch, met in judged(chosen, known, wanted):
        ended, open_, all_met = ended + 1, open_ + len(batch.unproved), all_met | met
        outcomes = ", ".join(f"{n} {x}" for x, n in batch.outcomes.items()) or "none"
        print(f"{chapter}: {len(batch.lines)} of {len(met)} lines, mutants: {outcomes}", flush=True)
        if batch.lines and not sample:  # what is done is written, whatever follows
            batches.append(batch.data())
            write(batches)
    if sample:
        return int(ended < len(chosen) or open_ > 0)
    if not names and ended == len(chosen):
        write([batch for batch in batches if all_met & batch["lines"].keys()])
    return int(ended < len(chosen))


def write(batches: list[dict[str, Any]]) -> None:
    """A line for each batch."""
    lines = (" " + json.dumps(batch, ensure_ascii=False) for batch in batches)
    ACCOUNT.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main([x for x in sys.argv[2:] if x], int(sys.argv[1] or 0)))
