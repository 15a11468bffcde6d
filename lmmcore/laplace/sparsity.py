"""Which entries of the inner Hessian are not zero, and how few products give them all.

Random effects of one group meet only those of the same group, effects of an autoregressive series
only their neighbours. If no row has two nonzero entries in a set of columns, one product with the
sum of the unit vectors of the set shows all these entries at once; by symmetry a column may stand
for a row. This is the colouring of Curtis, Powell & Reid (1974) and Coleman & Moré (1984).

Nobody needs to say what meets what: it is found at a random point. A set of columns b is probed by
weights w and by w times the numbers of the columns; where a row has one nonzero entry, the ratio
of the two products is the number of its column. A product with a random vector verifies the whole.
See the chapter "Laplace" (B7, B37).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lmmcore.covariance.structures import Array

BANDS = (3, 5, 9, 17)  # widths of a band that are tried before single columns
CLOSE = 1e-7  # relative error of a probe


@dataclass(frozen=True)
class Sparsity:
    """The nonzero entries of a symmetric matrix, and where the products show them.

    Attributes
    ----------
    rows, columns : (m,) integer arrays
        Of the entries that may differ from zero; both (i, j) and (j, i).
    seeds : (c, k) array
        The vectors to multiply by.
    product, entry : (m,) integer arrays
        Entry (i, j) of the matrix is entry ``entry`` of product ``product``.
    """

    rows: Array
    columns: Array
    seeds: Array
    product: Array
    entry: Array

    def values(self, products: Array) -> Array:
        """The entries of H at ``rows, columns``, from the (c, k) products with the seeds."""
        return products[self.product, self.entry]

    def weights(self, values: Array) -> Array:
        """(c, k) weights with ``sum(weights * products) == sum(values * H[rows, columns])``."""
        out = np.zeros(self.seeds.shape)
        np.add.at(out, (self.product, self.entry), values)
        return out


def find_sparsity(
    times: Callable[[Array], Array], classes: list[Array], rng: np.random.Generator
) -> Sparsity:
    """Where a symmetric matrix H is not zero that is known by its products, ``times`` v -> Hv.

    ``classes`` are sets of columns, together all: those of one random effect, a level each. At a
    point where no entry vanishes by accident; RuntimeError if a product with a random vector is
    not explained by the entries found.
    """
    k = sum(len(c) for c in classes)
    probes = [_probe(times, members, k, rng) for members in classes]
    pairs = [np.array([p.rows, p.columns]) for p in probes]
    many = [[bool(np.any(p.many[c])) for p in probes] for c in classes]  # rows of c, columns of p
    steps = [1] * len(classes)
    for a, members in enumerate(classes):
        if many[a][a]:
            steps[a], found = _band(times, members, k, rng)
            pairs.append(found)
        for b in range(a):
            if many[a][b] and many[b][a]:
                small = min(a, b, key=lambda c: len(classes[c]))
                steps[small] = len(classes[small])
    seeds = [
        _unit_sum(members[first::step], k)
        for members, step in zip(classes, steps, strict=True) for first in range(step)
    ]
    seeds = np.array(seeds)
    for members, step in zip(classes, steps, strict=True):
        if step == len(members):
            pairs += [_column(times(_unit_sum([j], k)), j) for j in members]
    sparsity = _sparsity(np.hstack(pairs), seeds)
    _verify(sparsity, times, rng)
    return sparsity


@dataclass(frozen=True)
class Probe:
    """What a class shows: entries alone in their rows, and which rows have more than one."""

    rows: Array
    columns: Array
    many: Array


def _probe(
    times: Callable[[Array], Array], members: Array, k: int, rng: np.random.Generator
) -> Probe:
    numbers = np.arange(1.0, len(members) + 1.0)
    weights, others = rng.uniform(1.0, 2.0, (2, len(members)))
    first, second, third = (
        times(_unit_sum(members, k, v)) for v in (weights, weights * numbers, others)
    )
    rows = np.flatnonzero(_nonzero(first) | _nonzero(third))
    with np.errstate(all="ignore"):
        ratio = second[rows] / first[rows]
        number = np.clip(np.nan_to_num(np.rint(ratio)), 1, len(members)).astype(int) - 1
        again = first[rows] / weights[number] * others[number]
    alone = np.isclose(ratio, number + 1.0, rtol=CLOSE)
    alone &= np.isclose(again, third[rows], rtol=CLOSE, atol=0.0)
    many = np.zeros(k, dtype=bool)
    many[rows[~alone]] = True
    return Probe(rows[alone], members[number[alone]], many)


def _band(
    times: Callable[[Array], Array], members: Array, k: int, rng: np.random.Generator
) -> tuple[int, Array]:
    """How many products a class needs that meets itself: the width of its band, or all."""
    n = len(members)
    vector = rng.uniform(1.0, 2.0, n)
    truth = times(_unit_sum(members, k, vector))[members]
    at = np.arange(n)
    for width in BANDS:
        if width >= n:
            break
        products = np.array([times(_unit_sum(members[first::width], k))[members]
                             for first in range(width)])
        i, shift = np.meshgrid(at, np.arange(width) - width // 2, indexing="ij")
        j = i + shift
        inside = (j >= 0) & (j < n)
        i, j = i[inside], j[inside]
        values = products[j % width, i]
        found = np.bincount(i, values * vector[j], n)
        if np.allclose(found, truth, rtol=CLOSE, atol=CLOSE * np.max(np.abs(truth))):
            keep = _nonzero(values)
            return width, np.array([members[i[keep]], members[j[keep]]])
    return n, np.zeros((2, 0), dtype=int)


def _sparsity(pairs: Array, seeds: Array) -> Sparsity:
    """For each entry the product that shows it, by its own row or by its mirror image's."""
    c, k = seeds.shape
    i, j = np.hstack([pairs, pairs[::-1], np.array([np.arange(k)] * 2)])
    i, j = np.divmod(np.unique(i * k + j), k)
    colour = np.argmax(seeds != 0.0, axis=0)
    count = np.bincount(i * c + colour[j], minlength=k * c)  # of row i in each set of columns
    direct = count[i * c + colour[j]] == 1
    return Sparsity(
        i, j, seeds, np.where(direct, colour[j], colour[i]), np.where(direct, i, j)
    )


def _verify(
    sparsity: Sparsity, times: Callable[[Array], Array], rng: np.random.Generator
) -> None:
    s, k = sparsity, sparsity.seeds.shape[1]
    v = rng.uniform(1.0, 2.0, k)
    values = s.values(np.array([times(seed) for seed in s.seeds]))
    found, truth = np.bincount(s.rows, values * v[s.columns], k), times(v)
    if not np.allclose(found, truth, rtol=CLOSE, atol=CLOSE * np.max(np.abs(truth))):
        raise RuntimeError("the structure of the inner Hessian was not found: is the density "
                           "smooth, and free of random numbers?")


def _unit_sum(members: Array, k: int, values: Array | float = 1.0) -> Array:
    out = np.zeros(k)
    out[members] = values
    return out


def _column(product: Array, j: int) -> Array:
    rows = np.flatnonzero(_nonzero(product))
    return np.array([rows, np.full(len(rows), j)])


def _nonzero(values: Array) -> Array:
    return np.abs(values) > 1e-14 * np.max(np.abs(values), initial=0.0)
