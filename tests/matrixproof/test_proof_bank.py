"""Every statement of the bank is proved for all dimensions, quickly, and prints well."""

import time

import pytest

from matrixproof.language.printing import latex, plain
from proof_bank import BANK

MOST_SECONDS = 3.0  # of processor time, on a slow machine; about a tenth of that is usual


@pytest.mark.parametrize("name", BANK)
def test_proved(name):
    q = BANK[name]
    by = q.by()
    start = time.process_time()
    result = q.setting.prove(q.lhs, q.rhs, name, by=by)
    assert result.status == "proved"
    assert result.lines[1].instances >= 4
    assert time.process_time() - start < MOST_SECONDS


@pytest.mark.parametrize("name", BANK)
def test_latex_is_balanced(name):
    for side in (BANK[name].lhs, BANK[name].rhs):
        text = latex(side)
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        assert plain(side).count("(") == plain(side).count(")")
        depth = 0
        for character in text:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0


def test_the_bank_is_large():
    assert len(BANK) >= 79
