"""Inline formulas with a relation sign: definitions, bound to a result, or registered."""

import pytest

from tools import inline_claims
from tools.chapters import ROOT

PAGES = sorted((ROOT / "chapters").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_inline_relation_is_accounted_for(page):
    assert inline_claims.check_page(page) == []


def test_the_registry_is_of_this_book():
    assert inline_claims.check_registry(PAGES) == []


def test_there_are_hundreds():
    found = inline_claims.counts(PAGES)
    assert sum(found.values()) > 400
    assert not found["unregistered"]


def kinds(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(f"---\nx: 1\n---\n\n# Title\n\n{text}\n", encoding="utf-8")
    return [(f.line, f.text, f.kind()) for f in inline_claims.formulas(page)]


CLAIMS = [
    "Hence $AB = BA$.",
    "So it is\nclear that $x \\leq y$ here.",
    "The minimum is at $x = y/d + c$.",
    "Let $A$ be square; then $A = A'$.",
    "With words. And $P = Q$.",
    "It is $a < b$, which is {ref}`sec-elsewhere`.",
    "This says $x \\sim y$ again.",
    "- with $n$ rows\n- and $m = n^2$ columns",
]


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim_is_found(tmp_path, text):
    assert [kind for *_, kind in kinds(tmp_path, text)] == [""]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Let $y = X\\beta$ be the mean.", "introduced"),
        ("With $A$ square and $B = A'A$ it works.", ""),  # words lie between
        ("With $A$ and $B = A'A$ it works.", "introduced"),
        ("For $n = 3$ it fails.", "introduced"),
        ("By {result}`woodbury` it is $x = y$.", "bound"),
        ("It is $x = y$ by {eq}`def-x`.", "bound"),
        ("The slope at $x = 0$ is printed.", "introduced"),
    ],
)
def test_words_tell_what_a_formula_is(tmp_path, text, kind):
    assert [k for *_, k in kinds(tmp_path, text)] == [kind]


def test_lines_and_code(tmp_path):
    cell, display = "```{code-cell}\nx = '$a = b$'\n```", "```{math}\n$g = h$\n```"
    text = f"{cell}\n\n`$c = d$` and so $e = f$\n\n{display}"
    assert kinds(tmp_path, text) == [(11, "e = f", "")]
    assert kinds(tmp_path, "the arrow $n \\to m$ and $\\lequal$ and $\\lambda$") == []


def test_a_registry_that_is_wrong_is_found(monkeypatch):
    page = PAGES[0].stem
    monkeypatch.setattr(
        inline_claims, "registry",
        lambda: {page: {"gone = away": "axiom", "x = 1": "maybe", "y = 2": "result no-such"}},
    )  # fmt: skip
    found = inline_claims.check_registry(PAGES)
    assert len([x for x in found if "not in the chapter" in x]) == 3
    assert len([x for x in found if "is no kind" in x]) == 2
