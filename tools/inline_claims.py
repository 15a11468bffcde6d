"""Inline formulas with a relation sign: what each is, or the build stops.

A displayed claim is made from a checked result. An inline formula is typed, so one that contains an
equality or inequality sign must be one of these:

- a definition, a case or a condition, as the words before it say ("with $...$", "let", "for", ...);
- bound to a result, which the same sentence links by {result}`...`, {eq}`...` or {glue}`...`;
- registered in ``inline_claims.json``, by chapter and formula, with its kind.

Kinds: ``definition``, ``model``, ``condition``, ``size``, ``computed`` (a cell of the page computes
it), ``axiom`` (a rule built into the checker), ``false`` (quoted in order to be refuted), or
``result NAME``, for what a recorded result of the book states or contains. There is no kind for a
consequence that is argued in words only: it is proved on the page and linked, or said in words.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT / "lmmbook" / "ledger" / "inline_claims.json"
RECORDS = ROOT / "lmmbook" / "records"
KINDS = ("definition", "model", "condition", "size", "computed", "axiom", "false")

RELATION = re.compile(
    r"=|[<>]|\\(?:leq?|geq?|leqslant|geqslant|neq?|approx|equiv|sim|propto|succ|prec)(?![a-zA-Z])"
)
APART = re.compile(r"^([ ]*)(`{3,}|~{3,})\{(?:math|code-cell)[^\n]*\n.*?^\1\2`*\s*$", re.M | re.S)
FORMULA = re.compile(r"(?<![\\$])\$([^$]+)\$")
INTRODUCES = (
    "with let for if when whenever unless where put take write suppose supposing given assume "
    "assumes assuming while until under call called try consider choose define defined whether at "
    "near towards below above beyond set to"
).split()
BETWEEN = (
    "any every all each the a an known positive fixed some now and or also both let only as "
    "instead again here long"
).split()
SIMPLE = re.compile(  # one symbol, and a number, another symbol or a range
    r"[|]?\\?[A-Za-z]+(?:[_^]\{?\w+\}?)*[|]?\s*(?:=|<|>|\\leq?|\\geq?|\\neq?)\s*"
    r"(?:\\?[A-Za-z]+|[-+]?[\d.,]+(?:\^\{?\d+\}?)?|\d+,\s*\\dots,\s*\w+)(?:_\w+)?(?:/[\d.]+)?"
)
AT = {"at", "near", "towards", "below", "above", "beyond", "to"}  # a place, so a value only


@dataclass(frozen=True)
class Formula:
    """An inline formula with a relation sign: where it stands, and the words around it."""

    chapter: str
    line: int
    text: str
    before: str
    after: str

    def kind(self) -> str:
        """``introduced``, ``bound``, what the registry says, or the empty text."""
        if re.search(r"\{(result|eq|glue)\}`", self.before + self.after):
            return "bound"
        if self._introduced():
            return "introduced"
        return registry().get(self.chapter, {}).get(self.text, "")

    def _introduced(self) -> bool:
        words = re.findall(r"\$[^$]*\$|[^\s$]+", self.before)
        while words:
            word = words.pop()
            if word.startswith("$"):
                continue
            plain = word.strip(",()*").lower()
            if plain in INTRODUCES:
                return plain not in AT or bool(SIMPLE.fullmatch(self.text))
            if plain and plain not in BETWEEN:
                return False
        return False


def formulas(page: Path) -> list[Formula]:
    """The inline formulas of a page that contain a relation sign."""
    source = page.read_text(encoding="utf-8")
    if source.startswith("---\n"):
        header, _, body = source.partition("\n---\n")
        source = "\n" * (header.count("\n") + 2) + body
    source = APART.sub(lambda m: "\n" * m.group().count("\n"), source)
    source = re.sub(r"`[^`\n]*\$[^`\n]*`", lambda m: m.group().replace("$", " "), source)
    found = []
    for m in FORMULA.finditer(source):
        if RELATION.search(m.group(1)):
            above, below = source[: m.start()], source[m.end() :]
            before = re.split(r"\n\s*\n|[.;?!:]\s+(?=[A-Z$*(])|\n- |\|", above)[-1]
            after = re.split(r"\n\s*\n|[.;?!](?:\s|$)|\n- |\|", below)[0]
            text = " ".join(m.group(1).split())
            line = above.count("\n") + 1
            found.append(Formula(page.stem, line, text, before, after))
    return found


@cache
def registry() -> dict[str, dict[str, str]]:
    """Chapter to formula to kind."""
    return json.loads(REGISTRY.read_text(encoding="utf-8"))


def check_page(page: Path) -> list[str]:
    """The formulas of a page that nobody answers for, a line each."""
    return [
        f"{page.name}, line {f.line}: the inline formula {f.text} claims something unchecked: link "
        f"the result that proves it, word it as a definition or condition, or register it in "
        f"tools/{REGISTRY.name}"
        for f in formulas(page)
        if not f.kind()
    ]


def check_registry(pages: list[Path]) -> list[str]:
    """Entries of the registry that are of no kind, name no result, or have left the book."""
    present = {(f.chapter, f.text) for p in pages for f in formulas(p)}
    problems = []
    for chapter, entries in registry().items():
        for text, kind in entries.items():
            word, _, name = kind.partition(" ")
            known = (word == "result" and (RECORDS / f"{name}.json").exists()) or kind in KINDS
            if not known:
                problems.append(f"{chapter}: {text}: {kind!r} is no kind, or no recorded result")
            if (chapter, text) not in present:
                problems.append(f"{chapter}: {text}: is registered, and not in the chapter")
    return problems


def counts(pages: list[Path]) -> Counter[str]:
    """How many formulas there are of each kind."""
    return Counter(f.kind().split(" ")[0] or "unregistered" for p in pages for f in formulas(p))


if __name__ == "__main__":
    all_pages = sorted((ROOT / "chapters").glob("*.md"))
    wrong = [x for p in all_pages for x in check_page(p)] + check_registry(all_pages)
    print(*wrong, dict(counts(all_pages)), sep="\n")
    sys.exit(bool(wrong))
