"""Likelihood ratio tests, with the mixture of chi-squares that a variance at 0 brings.

Twice the gain in log likelihood is about chi-squared with d degrees of freedom when d parameters
are added and none is at the edge of its range under the null hypothesis. A variance that is 0
there is at the edge: about half of the time its estimate is 0 as well. With one such variance
among the d parameters, whatever covariances come with it, the limit is (Self and Liang, Stram and
Lee)

    1/2 chi2_{d-1} + 1/2 chi2_d,

since the set of directions in which the parameters may move is a half-space. With two variances or
more the weights depend on the design; such tests are refused here and are for the bootstrap
(:func:`lmmcore.inference.bootstrap.bootstrap_test`). For one variance in the whole model the
distribution in finite samples is known (:mod:`lmmcore.inference.exact_null`). See the chapter "How
sure are we?".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from lmmcore.covariance.structures import Diagonal, ScaledIdentity, Structure, Unstructured
from lmmcore.model import LinearMixedModel, Term
from lmmcore.results import Fit
from lmmcore.tables import Report, Rows, number, probability

NOISE = 1e-7  # a larger model that fits worse by more than this was not maximised


@dataclass(frozen=True)
class Nesting:
    """What the larger of two nested models has beyond the smaller.

    Attributes
    ----------
    coefficients : int
        Fixed effects.
    variances : int
        Variances, which are 0 in the smaller model.
    covariances : int
        Covariances, and whatever else is inside its range in the smaller model.
    """

    coefficients: int
    variances: int
    covariances: int

    @property
    def parameters(self) -> int:
        return self.coefficients + self.variances + self.covariances


@dataclass(frozen=True)
class LikelihoodRatioTest(Report):
    """Twice the gain in log likelihood, and its reference distribution.

    Attributes
    ----------
    method : {"REML", "ML"}
    criteria : (float, float)
        Of the smaller and of the larger model.
    nesting : Nesting
    statistic : float
    weights : dict of int to float
        Degrees of freedom and weight of each chi-squared distribution in the mixture.
    p : float
    """

    method: str
    criteria: tuple[float, float]
    nesting: Nesting

    @property
    def statistic(self) -> float:
        return max(self.criteria[0] - self.criteria[1], 0.0)

    @property
    def weights(self) -> dict[int, float]:
        return mixture_weights(self.nesting)

    @property
    def p(self) -> float:
        return mixture_tail(self.statistic, self.weights)

    def _title(self) -> str:
        return f"Likelihood ratio test, both models fit by {self.method}"

    def _captioned(self) -> list[tuple[str, Rows]]:
        added = self.nesting
        reference = " + ".join((f"{w:g} " if w < 1 else "") + f"chi2({d})"
                               for d, w in self.weights.items())
        return [("The larger model against the smaller", [
            ["coefficients", "variances", "covariances", "statistic", "reference", "p"],
            [str(added.coefficients), str(added.variances), str(added.covariances),
             number(self.statistic), reference, probability(self.p)]])]

    def _remarks(self) -> list[str]:
        if self.nesting.variances == 0:
            return []
        naive = mixture_tail(self.statistic, {self.nesting.parameters: 1.0})
        return ["The variance is at the edge of its range under the null hypothesis, hence the "
                f"mixture; chi2({self.nesting.parameters}) alone would give {probability(naive)}."]


def likelihood_ratio_test(small: Fit, large: Fit) -> LikelihoodRatioTest:
    """Test a model against a larger one in which it is nested.

    Parameters
    ----------
    small, large : Fit
        Of the same data, by the same method. By REML only random effects may differ.

    Raises
    ------
    ValueError
        If the responses or methods differ, REML fits differ in X, a fit did not converge, the
        models are not nested or are the same, the larger model adds two variances or more, or the
        smaller model has itself a variance estimated as 0.
    """
    nesting = check_nested(small, large)
    if nesting.variances > 1:
        raise ValueError(
            f"{nesting.variances} variances are 0 under the null hypothesis: the weights of the "
            "chi-squared distributions depend on the design and have no simple form; add them one "
            "at a time, or simulate: bootstrap_test(small, large, seed=1)")
    if nesting.variances and small.boundary:
        raise ValueError(
            f"the smaller model estimates {small.boundary[0].label} as 0, where the mixture of "
            "chi-squared distributions does not hold: leave that term out, or simulate: "
            "bootstrap_test(small, large, seed=1)")
    return LikelihoodRatioTest(small.method, (small.criterion, large.criterion), nesting)


def mixture_weights(nesting: Nesting) -> dict[int, float]:
    """Weights of the chi-squared distributions, by degrees of freedom.

    Parameters
    ----------
    nesting : Nesting
        With at most one variance.
    """
    d = nesting.parameters
    return {d: 1.0} if nesting.variances == 0 else {d - 1: 0.5, d: 0.5}


def mixture_tail(statistic: float, weights: dict[int, float]) -> float:
    """P(T >= statistic) for a mixture; chi-squared with 0 degrees of freedom is a mass at 0."""
    return float(sum(
        w * (stats.chi2.sf(statistic, d) if d else float(statistic <= 0))
        for d, w in weights.items()))


def check_nested(small: Fit, large: Fit) -> Nesting:
    """What the larger model adds to the smaller.

    Raises
    ------
    ValueError
        As :func:`likelihood_ratio_test`, but for the number of variances and the boundary.
    """
    if small.method != large.method:
        raise ValueError(f"one fit is by {small.method}, the other by {large.method}: likelihoods "
                         "of the two kinds cannot be compared; fit both by one method")
    if not (small.converged and large.converged):
        raise ValueError("a fit did not converge: its likelihood is no maximum")
    a, b = small.model, large.model
    if a.y.shape != b.y.shape or not np.array_equal(a.y, b.y):
        raise ValueError("the two models have different responses: compare fits of the same rows "
                         "in the same order")
    if small.method == "REML" and not (a.X.shape == b.X.shape and np.array_equal(a.X, b.X)):
        raise ValueError("the two models have different X, and restricted likelihoods of different "
                         "X are densities of different contrasts: fit both by ML")
    if not _spans(b.X, a.X):
        raise ValueError("the models are not nested: the fixed effects of the smaller are no "
                         "combinations of the larger's columns (is their order right?)")
    variances, covariances = _added_effects(a, b)
    nesting = Nesting(b.p - a.p, variances, covariances)
    if nesting.parameters == 0:
        raise ValueError("the two models are the same: there is nothing to test")
    if large.criterion > small.criterion + NOISE:
        raise ValueError("the larger model has the smaller likelihood, so one of the two maxima "
                         "was not found: look at the profile of the criterion")
    return nesting


def _spans(X: np.ndarray, columns: np.ndarray) -> bool:
    """Whether the columns are combinations of those of X."""
    Q, _ = np.linalg.qr(X)
    unit = columns / np.linalg.norm(columns, axis=0)
    rest = unit - Q @ (Q.T @ unit)
    return bool(np.all(np.linalg.norm(rest, axis=0) < 1e-8))


def _added_effects(small: LinearMixedModel, large: LinearMixedModel) -> tuple[int, int]:
    """Number of variances and covariances that the larger model adds, term by term."""
    for errors in (small.errors, large.errors):
        if errors is not None:
            raise _no_test(errors)
    left = [(term, placement.structure) for term, placement in
            zip(large.terms, large.covariance.placements, strict=True)]
    variances = covariances = 0
    for term, placement in zip(small.terms, small.covariance.placements, strict=True):
        found = [(i, added) for i, (other, structure) in enumerate(left)
                 if (added := _extends(term, placement.structure, other, structure))]
        if not found:
            raise ValueError(f"the models are not nested: the larger has no term that contains "
                             f"{term.name} ({', '.join(term.effects)}) of the smaller")
        i, added = min(found, key=lambda pair: pair[1])
        left.pop(i)
        variances, covariances = variances + added[0], covariances + added[1]
    for _, structure in left:
        v = _variances(structure)
        variances, covariances = variances + v, covariances + structure.n_theta - v
    return variances, covariances


def _variances(structure: Structure) -> int:
    if isinstance(structure, ScaledIdentity):
        return 1
    if isinstance(structure, Unstructured | Diagonal):
        return structure.size
    raise _no_test(structure)


def _no_test(structure: object) -> ValueError:
    return ValueError(f"no likelihood ratio test is known for the structure {structure!r}: "
                      "simulate: bootstrap_test(small, large, seed=1)")


def _extends(
    a: Term, inner: Structure, b: Term, outer: Structure
) -> tuple[int, int] | None:
    """Variances and covariances that term b adds to term a, or None if it does not contain it."""
    if a.codes is None or b.codes is None:
        raise ValueError("models given by their matrices alone cannot be compared: make them with "
                         "grouped or from_formula")
    if inner.size > outer.size or not _same_partition(a, b):
        return None
    columns = b.columns.T.tolist()
    if not all(z in columns for z in a.columns.T.tolist()):
        return None
    more = outer.n_theta - inner.n_theta
    if isinstance(inner, ScaledIdentity) and inner.size > 1:
        # its variances are equal and not 0: what is added is inside its range
        return (0, more) if inner.size == outer.size else None
    if isinstance(outer, ScaledIdentity) and outer.size > 1:
        return None
    if isinstance(inner, Unstructured) and inner.size > 1 and not isinstance(outer, Unstructured):
        return None
    added = _variances(outer) - _variances(inner)
    return added, more - added


def _same_partition(a: Term, b: Term) -> bool:
    """Whether the two factors group the rows alike, whatever the levels are called."""
    if len(a.levels) != len(b.levels):
        return False
    pairs = np.unique(a.codes.astype(np.int64) * len(b.levels) + b.codes)
    return len(pairs) == len(a.levels)
