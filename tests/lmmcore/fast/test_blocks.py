"""Block diagonal matrices by connected components: what the whole matrix does, by block."""

import numpy as np
import pytest
from scipy import sparse

from lmmcore.fast.blocks import Layout, backward, cholesky, forward, inverse, joined, mirrored
from lmmcore.fast.crossed import CrossedProfile

ONE_BY_ONE = pytest.mark.parametrize("by_entries", [True, False])


def example(seed):
    """A positive definite matrix (9, 9) whose rows of three components are shuffled."""
    rng = np.random.default_rng(seed)
    whole, start = np.zeros((9, 9)), 0
    for size in (4, 1, 2, 2):
        B = rng.standard_normal((size, size))
        whole[start:start + size, start:start + size] = np.eye(size) + B @ B.T
        start += size
    mix = rng.permutation(9)
    return whole[np.ix_(mix, mix)]


def flat(layout, A):
    """The blocks of A, an array in the order of the layout, as they are kept."""
    out = np.full(layout.length, np.nan)
    i, j = np.nonzero(A)
    out[layout.row[i] + layout.column[j]] = A[i, j]
    return out


def unflat(layout, blocks):
    whole, start = np.zeros((9, 9)), 0
    for stack in blocks:
        for block in np.moveaxis(stack, -1, 0):
            end = start + len(block)
            whole[start:end, start:end] = block
            start = end
    return whole


@ONE_BY_ONE
def test_block_by_block(by_entries, monkeypatch):
    monkeypatch.setattr("lmmcore.fast.blocks._by_entries", lambda M: by_entries)
    A = example(1)
    layout = Layout(sparse.csr_array(A))
    assert layout.shapes == [(1, 1), (2, 2), (1, 4)]
    assert layout.length == 1 + 2 * 4 + 16
    A = A[np.ix_(layout.order, layout.order)]
    values = flat(layout, A)
    assert np.all(np.isfinite(values))  # each entry has a place, and no place is left over
    np.testing.assert_array_equal(values[layout.diagonal], np.diag(A))
    M = layout.matrices(values)
    np.testing.assert_array_equal(unflat(layout, M), A)
    C = [cholesky(block * lower(block)) for block in M]
    np.testing.assert_allclose(unflat(layout, [c * lower(c) for c in C]), np.linalg.cholesky(A),
                               atol=1e-14)
    inverses = [mirrored(inverse(c)) for c in C]
    np.testing.assert_allclose(unflat(layout, inverses), np.linalg.inv(A), atol=1e-13)
    B = np.random.default_rng(2).standard_normal((9, 2))
    np.testing.assert_array_equal(joined(layout.parts(B)), B)
    solved = [backward(c, forward(c, b)) for c, b in zip(C, layout.parts(B), strict=True)]
    np.testing.assert_allclose(joined(solved), np.linalg.solve(A, B), atol=1e-13)


def lower(block):
    return np.tri(len(block))[:, :, None]


@ONE_BY_ONE
def test_a_block_that_is_not_positive_definite(by_entries, monkeypatch):
    monkeypatch.setattr("lmmcore.fast.blocks._by_entries", lambda M: by_entries)
    with pytest.raises(np.linalg.LinAlgError):
        cholesky(np.stack([np.eye(3), np.diag([1.0, -1.0, 1.0])], axis=-1))


def test_nested_factors_have_small_blocks():
    from test_crossed import nested

    profile = CrossedProfile(nested(1, 9))
    towns = profile.design.layout.shapes
    assert sum(count * size for count, size in towns) == 9 + 4
    assert sum(count for count, _ in towns) == 4  # each town with its schools is one component
