"""The certificates of the book's lines, spoilt in one place at a time, are rejected.

A seeded sample of the records runs by default; MATRIXPROOF_ALL_MUTANTS=1 spoils all.
"""

import os
import random

import pytest

from lmmbook.records import load_all
from matrixproof.language.declarations import Declarations
from matrixproof.language.letters import Noise
from matrixproof.page.written import declare, expression_from
from spoiling import proof_is_judged_right

ALL = bool(os.environ.get("MATRIXPROOF_ALL_MUTANTS"))
SAMPLE = 40
RECORDS = [r for r in load_all() if r["status"] == "proved"]
LINES = [(r, i) for r in RECORDS for i, x in enumerate(r["lines"]) if i and not x["lemmas"]]
CHOSEN = LINES if ALL else random.Random(3).sample(LINES, SAMPLE)


def as_recorded(record):
    """The setting of a record; proofs need no samplers and no roots of covariances."""
    plain = record["setting"] | {
        "letters": [[*x[:4], False] for x in record["setting"]["letters"]],
        "noises": {},
    }
    s = declare(plain, Declarations)
    for name, covariance in record["setting"]["noises"].items():
        s.noises[name] = Noise(expression_from(covariance, s))
    return s


@pytest.mark.parametrize(
    ("record", "i"), CHOSEN, ids=lambda x: x if isinstance(x, int) else x["name"]
)
def test_spoilt_certificates_of_the_book_are_rejected(record, i):
    s = as_recorded(record)
    old, new = (expression_from(record["lines"][j]["tree"], s) for j in (i - 1, i))
    proof_is_judged_right(s, old, new)


def test_most_lines_of_the_book_can_be_drawn():
    assert len(LINES) > 700
