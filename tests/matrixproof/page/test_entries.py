"""Claims by entries."""


import pytest
import sympy as sp

from matrixproof import ProofError, StepError, by_entries


def test_by_entries():
    t = sp.Symbol("t")
    assert by_entries((t + 1) ** 2, t**2 + 2 * t + 1).status == "by entries"
    with pytest.raises(StepError):
        by_entries((t + 1) ** 2, t**2 + 1)
    with pytest.raises(ProofError):
        by_entries(sp.Matrix([[1, 2]]), sp.Matrix([[1], [2]]))
    with pytest.raises(ProofError):
        by_entries(sp.Matrix(0, 0, []), sp.Matrix(0, 0, []))
    with pytest.raises(ProofError):
        by_entries(sp.Float("0.1") + sp.Float("0.2") - sp.Float("0.3"), 0)
    with pytest.raises(ProofError):
        by_entries(sp.nan, sp.nan)
