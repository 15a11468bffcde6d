"""Seconds for W^-1 y and log|W| at one theta, five ways, against n: run by run.py --ways.

Three designs: groups of ten rows, two crossed factors, and a first-order autoregression observed
with noise. What does not depend on theta (cross-products, patterns) is prepared before.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from run import INTERCEPT, crossed, one_way
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.sparse.linalg import splu

from lmmcore import from_formula
from lmmcore.fast.crossed import CrossedProfile
from lmmcore.fast.groups import GroupedProfile

MOST = 1.0  # seconds: a way that took longer is not tried at the next n
PHI, RHO = 0.5, 0.9


def dense(W: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    """By the n x n matrix itself."""
    return lambda: cho_solve(cho_factor(W, lower=True), y)


def woodbury(Z: sparse.csr_array, y: np.ndarray) -> Callable[[], object]:
    """By M = I + phi Z'Z as a full k x k matrix."""
    M, v = np.eye(Z.shape[1]) + PHI * (Z.T @ Z).toarray(), Z.T @ y
    return lambda: y - PHI * (Z @ cho_solve(cho_factor(M, lower=True), v))


def sparse_lu(Z: sparse.csr_array, y: np.ndarray) -> Callable[[], object]:
    """By M with its zeros skipped, in an order that the library chooses."""
    M, v = sparse.csc_array(sparse.eye_array(Z.shape[1]) + PHI * (Z.T @ Z)), Z.T @ y
    return lambda: y - PHI * (Z @ splu(M, permc_spec="MMD_AT_PLUS_A").solve(v))


def band(y: np.ndarray) -> Callable[[], object]:
    """By the tridiagonal I + Psi^-1, since V^-1 = (Psi + I)^-1 = I - (I + Psi^-1)^-1."""
    inside = np.full(len(y), 1 + RHO**2)
    inside[[0, -1]] = 1.0
    diagonal, beside = 1.0 + inside / PHI, np.full(len(y) - 1, -RHO / PHI)

    def once() -> object:
        d, e, _ = lapack.dpttrf(diagonal, beside)
        return y - lapack.dpttrs(d, e, y)[0], np.sum(np.log(d))

    return once


def ways(design: str, n: int) -> Iterator[tuple[str, Callable[[], Callable[[], object]]]]:
    """The ways that suit a design, each as a function that prepares and returns what is timed."""
    if design == "series":
        y = np.random.default_rng(1).standard_normal(n)
        lag = np.arange(n) if n <= 5000 else np.arange(0)
        yield "dense", lambda: dense(np.eye(n) + PHI * RHO ** abs(lag[:, None] - lag) /
                                     (1 - RHO**2), y)
        yield "band", lambda: band(y)
        return
    if design == "groups":
        model, quick = from_formula(INTERCEPT, one_way(n // 10, 10)), GroupedProfile
    else:
        model = from_formula("y ~ 1 + (1 | a) + (1 | b)", crossed(n // 20, n // 100, n))
        quick = CrossedProfile
    theta = np.full(model.covariance.n_theta, np.sqrt(PHI))

    def by_structure() -> Callable[[], object]:
        profile = quick(model)
        steps = iter(range(1, 1000))  # never the same theta twice: nothing is kept
        return lambda: profile.criterion(theta + 1e-6 * next(steps))

    yield "dense", lambda: dense(np.eye(n) + PHI * (model.Z @ model.Z.T).toarray(), model.y)
    yield "k by k", lambda: woodbury(model.Z, model.y)
    yield "sparse", lambda: sparse_lu(model.Z, model.y)
    yield ("by groups" if design == "groups" else "elimination"), by_structure


def measure(most: float = MOST) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """For each design and way, pairs of n and the median of CPU seconds."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for design in ("groups", "crossed", "series"):
        mine = found.setdefault(design, {})
        for n in (200, 600, 2000, 6000, 20_000, 60_000, 200_000, 600_000):
            for name, prepare in ways(design, n):
                points = mine.setdefault(name, [])
                growth = 30.0 if name in ("dense", "k by k", "elimination", "sparse") else 4.0
                if points and (points[-1][0] * 4 < n or points[-1][1] * growth > 10 * most):
                    continue
                if name == "dense" and n > 5000:
                    continue
                once, seconds = prepare(), []
                for _ in range(5):
                    start = time.process_time()
                    once()
                    seconds.append(time.process_time() - start)
                    if sum(seconds) > most:
                        break
                points.append((n, statistics.median(seconds)))
    return found


if __name__ == "__main__":
    print(json.dumps(measure()))
