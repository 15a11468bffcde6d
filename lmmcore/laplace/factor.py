"""The inner Hessian factorised by its sparsity: log-determinant, solutions, inverse where needed.

The random effects are split in a core and a border. Without the border the core falls into small
blocks, one for each group, or is a narrow band; the border (other factors, coefficients that are
integrated out) is dense. With H = [A B; B' C] and the Schur complement S = C - B'A^-1 B (B20),

    log|H| = log|A| + log|S|,
    H^-1   = [A^-1 + E S^-1 E'   -E S^-1;  -S^-1 E'   S^-1],    E = A^-1 B,

of which only the entries where H is not zero are computed. See the chapter "Laplace" (B7, B20).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csgraph

from lmmcore.covariance.structures import Array
from lmmcore.laplace.sparsity import Sparsity

DENSE = 12  # up to so many random effects nothing is gained by blocks
BLOCK = 64  # largest block that is worth having
BAND = 20  # widest band that is worth having


class Factoriser:
    """The plan for matrices of one sparsity; a call factorises one of them.

    ``arrays`` are the places in u of each random parameter: one goes to the border as a whole.
    """

    def __init__(self, sparsity: Sparsity, arrays: list[Array]) -> None:
        self.sparsity = sparsity
        k = sparsity.seeds.shape[1]
        core = _core(sparsity, arrays, k)
        self.core, self.border = np.flatnonzero(core), np.flatnonzero(~core)
        position = np.empty(k, dtype=int)
        position[self.core] = np.arange(len(self.core))
        position[self.border] = np.arange(len(self.border))
        i, j = sparsity.rows, sparsity.columns
        self.in_core = core[i] & core[j]
        self.across = core[i] & ~core[j]
        self.in_border = ~core[i] & ~core[j]
        self.mirrored = ~core[i] & core[j]
        self.i, self.j = position[i], position[j]
        inner = self.i[self.in_core], self.j[self.in_core]
        labels = components(*inner, len(self.core))
        small = len(labels) == 0 or np.bincount(labels).max() <= BLOCK
        self.plan = BlockPlan(*inner, labels) if small else BandPlan(*inner, len(self.core))

    def __call__(self, values: Array, shift: float = 0.0) -> HessianFactor:
        """The factor of H + shift I, with the entries of H in the order of the sparsity.

        Raises
        ------
        numpy.linalg.LinAlgError
            If it is not positive definite.
        """
        return HessianFactor(self, values, shift)


class HessianFactor:
    """A positive definite matrix, factorised.

    Attributes
    ----------
    log_det : float
    values : (m,) array
        The entries of H, in the order of the sparsity.
    """

    def __init__(self, plan: Factoriser, values: Array, shift: float) -> None:
        self.plan, self.values = plan, values
        n, m = len(plan.core), len(plan.border)
        values = np.where(plan.sparsity.rows == plan.sparsity.columns, values + shift, values)
        self.core = plan.plan.factorise(values[plan.in_core])
        B, C = np.zeros((n, m)), np.zeros((m, m))
        B[plan.i[plan.across], plan.j[plan.across]] = values[plan.across]
        C[plan.i[plan.in_border], plan.j[plan.in_border]] = values[plan.in_border]
        self.E = self.core.solve(B) if m else B
        self.S = np.linalg.cholesky(C - B.T @ self.E)
        self.log_det = self.core.log_det + 2.0 * float(np.sum(np.log(np.diag(self.S))))

    def solve(self, b: Array) -> Array:
        """H^-1 b for a (k,) or (k, r) array."""
        plan = self.plan
        columns = b.reshape(len(b), -1)
        if not len(plan.border):
            return self.core.solve(columns).reshape(b.shape)
        out = np.empty(columns.shape)
        top, low = columns[plan.core], columns[plan.border]
        # E'b of the core is B'A^-1 b
        out[plan.border] = low = self._small(low - self.E.T @ top)
        out[plan.core] = self.core.solve(top) - self.E @ low
        return out.reshape(b.shape)

    def _small(self, b: Array) -> Array:
        """S^-1 b."""
        return linalg.cho_solve((self.S, True), b, check_finite=False)

    def inverse(self) -> Array:
        """The entries of H^-1 where H is not zero, in the order of the sparsity."""
        plan = self.plan
        T = self._small(np.eye(len(plan.border)))
        ET = self.E @ T
        out = np.empty(len(plan.i))
        out[plan.in_border] = T[plan.i[plan.in_border], plan.j[plan.in_border]]
        out[plan.across] = -ET[plan.i[plan.across], plan.j[plan.across]]
        out[plan.mirrored] = -ET[plan.j[plan.mirrored], plan.i[plan.mirrored]]
        i, j = plan.i[plan.in_core], plan.j[plan.in_core]
        out[plan.in_core] = self.core.inverse() + np.einsum("er,er->e", ET[i], self.E[j])
        return out


class BlockPlan:
    """Blocks of different sizes; those of like size are factorised together."""

    def __init__(self, i: Array, j: Array, labels: Array) -> None:
        sizes = np.bincount(labels)
        like = np.ceil(np.log2(np.maximum(sizes, 1))).astype(int)
        self.n, self.m = len(labels), len(i)
        self.batches = [Batch(i, j, labels, sizes, like == power) for power in np.unique(like)]

    def factorise(self, values: Array) -> BlockFactor:
        return BlockFactor(self, values)


class Batch:
    """Some of the blocks side by side, filled up with the identity to the size of the largest."""

    def __init__(self, i: Array, j: Array, labels: Array, sizes: Array, chosen: Array) -> None:
        self.members = np.flatnonzero(chosen[labels])
        self.entries = np.flatnonzero(chosen[labels[i]])
        number, sizes = np.cumsum(chosen) - 1, sizes[chosen]
        group = number[labels[self.members]]
        order = np.argsort(group, kind="stable")
        begins = np.cumsum(sizes) - sizes
        self.group, self.place = group, np.empty(len(group), dtype=int)
        self.place[order] = np.arange(len(group)) - begins[group[order]]
        place = np.empty(len(labels), dtype=int)
        place[self.members] = self.place
        i, j = i[self.entries], j[self.entries]
        self.at = number[labels[i]], place[i], place[j]
        self.shape = (len(sizes), sizes.max(), sizes.max())
        self.filling = np.nonzero(np.arange(sizes.max())[None, :] >= sizes[:, None])

    def matrix(self, values: Array) -> Array:
        A = np.zeros(self.shape)
        A[self.at] = values[self.entries]
        group, place = self.filling
        A[group, place, place] = 1.0
        return A


class BlockFactor:
    def __init__(self, plan: BlockPlan, values: Array) -> None:
        self.plan = plan
        self.A = [batch.matrix(values) for batch in plan.batches]
        diagonals = [np.diagonal(np.linalg.cholesky(A), axis1=1, axis2=2) for A in self.A]
        self.log_det = 2.0 * float(sum(np.sum(np.log(d)) for d in diagonals))

    def solve(self, b: Array) -> Array:
        out = np.empty((self.plan.n, b.shape[1]))
        for batch, A in zip(self.plan.batches, self.A, strict=True):
            padded = np.zeros((*batch.shape[:2], b.shape[1]))
            padded[batch.group, batch.place] = b[batch.members]
            out[batch.members] = np.linalg.solve(A, padded)[batch.group, batch.place]
        return out

    def inverse(self) -> Array:
        out = np.empty(self.plan.m)
        for batch, A in zip(self.plan.batches, self.A, strict=True):
            out[batch.entries] = np.linalg.inv(A)[batch.at]
        return out


class BandPlan:
    """A band: an autoregressive series."""

    def __init__(self, i: Array, j: Array, n: int) -> None:
        self.n, self.i, self.j = n, i, j
        self.width = int(np.max(np.abs(i - j), initial=0))
        self.lower = i >= j

    def factorise(self, values: Array) -> BandFactor:
        band = np.zeros((self.width + 1, self.n))
        i, j = self.i[self.lower], self.j[self.lower]
        band[i - j, j] = values[self.lower]
        return BandFactor(self, band)


class BandFactor:
    def __init__(self, plan: BandPlan, band: Array) -> None:
        self.plan = plan
        self.L = linalg.cholesky_banded(band, lower=True, check_finite=False)
        self.log_det = 2.0 * float(np.sum(np.log(self.L[0])))

    def solve(self, b: Array) -> Array:
        return linalg.cho_solve_banded((self.L, True), b, check_finite=False)

    def inverse(self) -> Array:
        """The inverse within the band, from the last column backwards (Takahashi et al., 1973)."""
        w, n = self.plan.width, self.plan.n
        D = self.L[0] ** -2.0
        unit = self.L[1:] / self.L[0]
        window = np.zeros((w, w))  # the inverse at the w places that follow column j
        out = np.zeros((w + 1, n))
        for j in range(n - 1, -1, -1):
            z = -window @ unit[:, j]
            out[0, j] = D[j] - unit[:, j] @ z
            out[1:, j] = z
            moved = np.empty((w + 1, w + 1))
            moved[0, 0], moved[1:, 0], moved[0, 1:] = out[0, j], z, z
            moved[1:, 1:] = window
            window = moved[:w, :w]
        low, high = np.maximum(self.plan.i, self.plan.j), np.minimum(self.plan.i, self.plan.j)
        return out[low - high, high]


def _core(sparsity: Sparsity, arrays: list[Array], k: int) -> Array:
    """Which random effects are in the core: all but the arrays that join its blocks."""
    core = np.full(k, k > DENSE)
    for array in sorted(arrays, key=len):
        i, j = sparsity.rows, sparsity.columns
        inside = core[i] & core[j]
        labels = components(i[inside], j[inside], k)[core]
        narrow = np.max(np.abs(i - j)[inside], initial=0) <= BAND
        if len(labels) == 0 or narrow or np.bincount(labels).max() <= BLOCK:
            return core
        core[array] = False
    return core


def components(i: Array, j: Array, n: int) -> Array:
    """For each of n places the number of the connected piece that it belongs to."""
    graph = sparse.coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return csgraph.connected_components(graph, directed=False)[1]
