"""Symmetric matrices that fall apart into blocks, and the algebra of many small blocks at once.

Levels of nested factors meet only within the outermost of them: in the order of the connected
components of a graph, a matrix of their cross-products is block diagonal. Blocks of one size s are
one array (s, s, b), the blocks on its last axis, and so are the q x q matrices of b groups. Crossed
factors are one component, a full matrix. Loops run over the entries of a block if there are more
blocks than entries, and else over the blocks, one by one in LAPACK.
See the chapter "What a fit costs" (B37).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from lmmcore.covariance.structures import Array


class Layout:
    """Where the entries of a block diagonal matrix are kept: all blocks of one size together.

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
        sizes, counts = np.unique(size[begins], return_counts=True)
        self.shapes = list(zip(counts.tolist(), sizes.tolist(), strict=True))
        self.ends = np.cumsum(counts * sizes**2)
        self.length = int(self.ends[-1])
        within = np.arange(len(label)) - np.repeat(begins, size[begins])
        kind = np.searchsorted(sizes, size)  # and the number of the block among those of its size
        number = (np.arange(len(label)) - np.searchsorted(size, sizes)[kind]) // size
        self.column = within * counts[kind]
        self.row = (self.ends - counts * sizes**2)[kind] + self.column * size + number

    @property
    def diagonal(self) -> NDArray[np.intp]:
        """Where the diagonal is, (k,)."""
        return self.row + self.column

    def matrices(self, flat: Array) -> list[Array]:
        """The blocks in ``flat`` (length,), as (s, s, b) arrays."""
        return [part.reshape(s, s, b) for part, (b, s) in zip(
            np.split(flat, self.ends[:-1]), self.shapes, strict=True)]

    def parts(self, x: Array) -> list[Array]:
        """The rows of x (k, ...) that belong to them, as (s, ..., b) arrays."""
        ends = np.cumsum([b * s for b, s in self.shapes])
        return [np.moveaxis(part.reshape(b, s, *x.shape[1:]), 0, -1) for part, (b, s) in zip(
            np.split(x, ends[:-1]), self.shapes, strict=True)]


def joined(parts: list[Array]) -> Array:
    """The rows (k, ...) from their parts (s, ..., b)."""
    return np.concatenate([np.moveaxis(part, -1, 0).reshape(-1, *part.shape[1:-1])
                           for part in parts])


def product(A: Array, B: Array) -> Array:
    """A'B in every block: (i, a, b), (i, c, b) -> (a, c, b)."""
    return np.einsum("iag,icg->acg", A, B)


def diagonals(A: Array) -> Array:
    """The diagonals (s, b) of A (s, s, b), as a view."""
    return np.einsum("iib->ib", A)


def mirrored(A: Array) -> Array:
    """Symmetric matrices (s, s, b) from their lower triangles."""
    return np.where(np.tri(len(A), dtype=bool)[:, :, None], A, A.swapaxes(0, 1))


def _by_entries(M: Array) -> bool:
    return len(M) ** 2 < M.shape[2]


def _one_by_one(M: Array) -> Array:
    """The blocks as matrices in order of memory (b, s, s); one block alone is not copied."""
    return np.ascontiguousarray(M.transpose(2, 0, 1))


def cholesky(M: Array) -> Array:
    """Lower Cholesky factors C of M (s, s, b), of which the lower triangles are read.

    M may be overwritten, and what stands above the diagonal of C is not meant.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a block is not positive definite in floating point.
    """
    if _by_entries(M):
        C = np.zeros_like(M)
        for j in range(len(M)):
            pivot = M[j, j] - np.sum(C[j, :j] ** 2, axis=0)
            if not np.all(pivot > 0):
                raise np.linalg.LinAlgError("not positive definite")
            C[j, j] = np.sqrt(pivot)
            for i in range(j + 1, len(M)):
                C[i, j] = (M[i, j] - np.sum(C[i, :j] * C[j, :j], axis=0)) / C[j, j]
        return C
    blocks = _one_by_one(M)
    for block in blocks:
        # the transpose of an array by rows is one by columns, as LAPACK wants it: nothing is copied
        if lapack.dpotrf(block.T, lower=0, clean=0, overwrite_a=1)[1]:
            raise np.linalg.LinAlgError("not positive definite")
    return blocks.transpose(1, 2, 0)


def inverse(C: Array) -> Array:
    """The lower triangles of (CC')^-1 for C (s, s, b); what stands above them is not meant."""
    if _by_entries(C):
        H = forward(C, np.broadcast_to(np.eye(len(C))[:, :, None], C.shape))
        return product(H, H)
    blocks = _one_by_one(C).copy()
    for block in blocks:
        lapack.dpotri(block.T, lower=0, overwrite_c=1)
    return blocks.transpose(1, 2, 0)


def forward(C: Array, B: Array) -> Array:
    """C^-1 B for C (s, s, b) lower triangular, B (s, r, b)."""
    if not _by_entries(C):
        return _solved(C, B, transposed=True)
    H = np.zeros_like(B)
    for i in range(len(C)):
        H[i] = (B[i] - np.einsum("kg,krg->rg", C[i, :i], H[:i])) / C[i, i]
    return H


def backward(C: Array, B: Array) -> Array:
    """C'^-1 B for C (s, s, b) lower triangular, B (s, r, b)."""
    if not _by_entries(C):
        return _solved(C, B, transposed=False)
    H = np.zeros_like(B)
    for i in reversed(range(len(C))):
        H[i] = (B[i] - np.einsum("kg,krg->rg", C[i + 1:, i], H[i + 1:])) / C[i, i]
    return H


def _solved(C: Array, B: Array, transposed: bool) -> Array:
    """By LAPACK, which sees C' where C is by rows."""
    blocks = [lapack.dtrtrs(c.T, b, lower=0, trans=int(transposed))[0]
              for c, b in zip(_one_by_one(C), np.moveaxis(B, -1, 0), strict=True)]
    return np.stack(blocks, axis=-1)


def orthonormal(Sxx: Array) -> Array:
    """The coordinates in which X'W^-1X = I: H (p, p) with HH' = Sxx^-1."""
    return np.linalg.inv(np.linalg.cholesky(Sxx)).T
