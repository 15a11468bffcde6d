"""Symmetric matrices that fall apart into blocks, one for each connected component of a graph.

Levels of nested factors meet only within the outermost of them: ordered by component, a matrix of
their cross-products is block diagonal. Blocks of one size are kept as one array, so that their
algebra is done for all of them at once. Crossed factors are one component, a full matrix.
See the chapter "What a fit costs" (B37).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

from lmmcore.covariance.structures import Array

LARGE = 64  # blocks of at least this size are handed to LAPACK one by one


class Components:
    """Where the entries of a block diagonal matrix are kept: block after block, row by row.

    Parameters
    ----------
    links : (k, k) sparse array
        Index i is in one block with j if a path of non-zero entries leads from i to j.

    Attributes
    ----------
    order : (k,) array of int
        The indices by the size of their block, block by block; everything below is in this order.
    row, column : (k,) arrays of int
        Entry (i, j) of a block is number ``row[i] + column[j]`` of ``length``.
    shapes : list of (number of blocks, their size)
    """

    def __init__(self, links: sparse.sparray):
        _, label = sparse.csgraph.connected_components(links, directed=False)
        size = np.bincount(label)[label]
        self.order = np.lexsort((label, size))
        label, size = label[self.order], size[self.order]
        begins = np.flatnonzero(np.diff(label, prepend=-1))
        self.column = np.arange(len(label)) - np.repeat(begins, size[begins])
        self.row = np.cumsum(size) - size
        self.length = int(np.sum(size))
        sizes, counts = np.unique(size[begins], return_counts=True)
        self.shapes = list(zip(counts.tolist(), sizes.tolist(), strict=True))

    @property
    def diagonal(self) -> NDArray[np.intp]:
        """Where the diagonal is, (k,)."""
        return self.row + self.column

    def matrices(self, flat: Array) -> list[Array]:
        """The blocks in ``flat`` (length,), as (b, s, s) arrays."""
        ends = np.cumsum([b * s * s for b, s in self.shapes])
        return [part.reshape(b, s, s)
                for part, (b, s) in zip(np.split(flat, ends[:-1]), self.shapes, strict=True)]

    def parts(self, x: Array) -> list[Array]:
        """The rows of x (k, ...) that belong to them, as (b, s, ...) arrays."""
        ends = np.cumsum([b * s for b, s in self.shapes])
        return [part.reshape(b, s, *x.shape[1:])
                for part, (b, s) in zip(np.split(x, ends[:-1]), self.shapes, strict=True)]


def mirrored(A: Array) -> Array:
    """Symmetric matrices (b, s, s) from their lower triangles."""
    return np.where(np.tri(A.shape[1], dtype=bool), A, A.swapaxes(1, 2))


def cholesky(M: Array) -> Array:
    """Lower Cholesky factors C of M (b, s, s), of which the lower triangles are read.

    Large blocks are overwritten, and what stands above the diagonal of their C is not meant.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a block is not positive definite in floating point.
    """
    if M.shape[1] < LARGE:
        return np.linalg.cholesky(M)
    for block in M:
        # the transpose of an array by rows is one by columns, as LAPACK wants it: nothing is copied
        if lapack.dpotrf(block.T, lower=0, clean=0, overwrite_a=1)[1]:
            raise np.linalg.LinAlgError("not positive definite")
    return M


def inverse(C: Array) -> Array:
    """The lower triangles of (CC')^-1 for C (b, s, s); what stands above them is not meant."""
    if C.shape[1] < LARGE:
        H = np.linalg.inv(C)
        return H.swapaxes(1, 2) @ H
    out = C.copy()
    for block in out:
        lapack.dpotri(block.T, lower=0, overwrite_c=1)
    return out


def forward(C: Array, B: Array) -> Array:
    """C^-1 B for C (b, s, s) lower triangular, B (b, s, r)."""
    if C.shape[1] < LARGE:
        return np.linalg.solve(C, B)
    return np.stack([solve_triangular(c, b, lower=True, check_finite=False)
                     for c, b in zip(C, B, strict=True)])


def backward(C: Array, B: Array) -> Array:
    """C'^-1 B for C (b, s, s) lower triangular, B (b, s, r)."""
    if C.shape[1] < LARGE:
        return np.linalg.solve(C.swapaxes(1, 2), B)
    return np.stack([solve_triangular(c, b, lower=True, trans="T", check_finite=False)
                     for c, b in zip(C, B, strict=True)])
