"""Degrees of freedom for tests of the fixed effects: Satterthwaite, and Kenward and Roger.

Let V = sigma2 W(theta) with parameters psi = (sigma2, theta), derivatives V_i, H = X'V^-1X,
Phi = H^-1, and A the covariance matrix of the estimates of psi. Everything is made of

    P_i  = dH/dpsi_i = -X'V^-1 V_i V^-1 X,        Q_ij = X'V^-1 V_i V^-1 V_j V^-1 X.

Satterthwaite: l'Phi l varies with the estimates by the delta method, and a scaled chi-square of the
same mean and variance has

    df = 2 (l'Phi l)^2 / (g'Ag),                  g_i = d(l'Phi l)/dpsi_i = -l'Phi P_i Phi l.

Kenward and Roger: the covariance of beta is Phi + 2 Phi [sum_ij A_ij (Q_ij - P_i Phi P_j)] Phi, and
an F statistic for L beta = 0 is scaled so that two of its moments are those of an F distribution.
The sums over i and j, and Satterthwaite's df, are the same in other parameters of the same V. The
second derivatives of V that Kenward and Roger subtract are 0 for variances and covariances, in
which V is linear; structures with other parameters are refused.
See the chapter "How sure are we?".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lmmcore.covariance.structures import Array
from lmmcore.fast.choose import coupled_criterion_for
from lmmcore.inference.coupling import coupling
from lmmcore.results import Fit
from lmmcore.tables import Report, Rows, number, probability
from lmmcore.textbook import definition

METHODS = {"satterthwaite": "Satterthwaite", "kenward-roger": "Kenward and Roger"}


class Sensitivity(NamedTuple):
    """P (r, p, p) and Q (r, r, p, p): how X'V^-1X moves with psi = (sigma2, theta)."""

    P: Array
    Q: Array


def sensitivity_by_definition(fit: Fit) -> Sensitivity:
    """P_i = -X'V^-1 V_i V^-1X and Q_ij = X'V^-1 V_i V^-1 V_j V^-1X with n x n matrices."""
    model = fit.model
    V = definition.marginal_covariance(model, fit.theta, fit.sigma2)
    ViX = np.linalg.solve(V, model.X)
    VjViX = np.array([Vj @ ViX for Vj in dense_derivatives(fit)])
    P = -np.einsum("nx,jny->jxy", ViX, VjViX)
    return Sensitivity(P, np.einsum("inx,jny->ijxy", VjViX, np.linalg.solve(V, VjViX)))


def dense_derivatives(fit: Fit) -> list[Array]:
    """dV/dsigma2 = W and dV/dtheta_j = sigma2 Z (dGamma/dtheta_j) Z', each (n, n)."""
    model = fit.model
    Z = model.Z.toarray()
    return [definition.relative_covariance(model, fit.theta)] + [
        fit.sigma2 * Z @ D @ Z.T for D in model.covariance.gamma_derivatives(fit.theta)]


def sensitivity(fit: Fit) -> Sensitivity:
    """The same from Z'W^-1Z and Z'W^-1X, level by level.

    dV/dsigma2 = V/sigma2 needs no product of its own: P_0 = -H/sigma2, Q_0j = -P_j/sigma2.
    """
    profile, s = coupled_criterion_for(fit.model, fit.method), fit.sigma2
    T, Y, _ = coupling(profile, fit.theta)
    D = profile.covariance.gamma_derivatives(fit.theta)
    DY = np.einsum("jab,gbx->jgax", D, Y, optimize=True)
    H = np.linalg.inv(fit.vcov_beta)
    P = np.concatenate([-H[None] / s, -np.einsum("gax,jgay->jxy", Y, DY, optimize=True) / s])
    r, p = len(P), len(H)
    Q = np.empty((r, r, p, p))
    Q[0] = -P / s
    Q[:, 0] = Q[0]
    Q[1:, 1:] = np.einsum("igax,gab,jgby->ijxy", DY, T, DY, optimize=True) / s
    return Sensitivity(P, Q)


def parameter_covariance(fit: Fit, kind: str) -> Array:
    """A, the inverse information on psi = (sigma2, theta), "observed" or "expected", (r, r).

    Half the second derivatives of m log sigma2 + log-determinant + rss/sigma2, or what is expected
    of them (B36). Only free entries of theta move, which keep the rank of Lambda: a variance on the
    boundary is held at 0, a singular covariance matrix stays singular; rows and columns of the
    others are 0.
    """
    profile = coupled_criterion_for(fit.model, fit.method)
    information = profile.information(fit.theta, kind, reported=False)
    free = np.append(True, profile.covariance.free(fit.theta))
    A = np.zeros(information.shape)
    A[np.ix_(free, free)] = np.linalg.inv(information[np.ix_(free, free)])
    return A


def satterthwaite(fit: Fit, L: ArrayLike) -> Array:
    """Satterthwaite's degrees of freedom, one for each row of L.

    df = 2 (l'Phi l)^2 / (g'Ag), with the observed information, as lmerTest computes it.

    Parameters
    ----------
    fit : Fit
        By ML or REML.
    L : (p,) or (r, p) array
        Contrasts of the fixed effects, none of them 0.

    Returns
    -------
    (r,) array

    Raises
    ------
    ValueError
        If L has the wrong shape, is not finite, or has a row of zeros.
    """
    L = _contrasts(fit, L)
    return _moment_df(L, fit.vcov_beta, sensitivity(fit).P, parameter_covariance(fit, "observed"))


def _moment_df(L: Array, vcov: Array, P: Array, A: Array) -> Array:
    half = L @ vcov
    gradient = -np.einsum("rx,jxy,ry->rj", half, P, half)
    variance = np.einsum("rx,rx->r", half, L)
    spread = np.einsum("ri,ij,rj->r", gradient, A, gradient)
    with np.errstate(divide="ignore"):
        return 2.0 * variance**2 / spread


def kenward_roger_vcov(fit: Fit) -> Array:
    """The covariance matrix of beta with Kenward and Roger's adjustment, (p, p).

    Phi + 2 Phi [sum_ij A_ij (Q_ij - P_i Phi P_j)] Phi, with A from the expected information.

    Parameters
    ----------
    fit : Fit
        By REML.

    Raises
    ------
    ValueError
        If the fit is by ML.
    """
    return _adjusted(_reml(fit).vcov_beta, sensitivity(fit), parameter_covariance(fit, "expected"))


def _adjusted(vcov: Array, moves: Sensitivity, A: Array) -> Array:
    P, Q = moves
    inner = np.tensordot(A, Q - np.einsum("ixa,ab,jby->ijxy", P, vcov, P, optimize=True), axes=2)
    adjusted = vcov + 2.0 * vcov @ inner @ vcov
    return 0.5 * (adjusted + adjusted.T)


class Scaling(NamedTuple):
    """Denominator degrees of freedom of an F statistic, and the factor it is multiplied by."""

    df: float
    scale: float


def kenward_roger(fit: Fit, L: ArrayLike) -> Scaling:
    """Kenward and Roger's degrees of freedom and scale for the joint test of all rows of L.

    Parameters
    ----------
    fit : Fit
        By REML.
    L : (p,) or (r, p) array
        Contrasts of the fixed effects, of full row rank.

    Raises
    ------
    ValueError
        If the fit is by ML, or L is no set of independent contrasts.

    Notes
    -----
    With Theta = L'(L Phi L')^-1L, B_i = Theta Phi P_i Phi and q rows,
    A1 = sum_ij A_ij tr(B_i) tr(B_j) and A2 = sum_ij A_ij tr(B_i B_j). For q = 1 the result is
    df = 2/A2 and scale 1: Satterthwaite's, with the expected information.
    """
    L = _contrasts(fit, L, independent=True)
    A = parameter_covariance(_reml(fit), "expected")
    return _kr_scaling(L, fit.vcov_beta, sensitivity(fit).P, A)


def _kr_scaling(L: Array, vcov: Array, P: Array, A: Array) -> Scaling:
    theta = L.T @ np.linalg.solve(L @ vcov @ L.T, L)
    B = theta @ vcov @ P @ vcov
    trace = np.trace(B, axis1=1, axis2=2)
    A1 = float(trace @ A @ trace)
    A2 = float(np.einsum("ij,ixy,jyx->", A, B, B, optimize=True))
    return kr_moments(A1, A2, len(L))


def kr_moments(A1: float, A2: float, q: int) -> Scaling:
    """Match mean and variance of a scaled F with q numerator degrees of freedom.

    The approximate moments E and V of the statistic are rational in A1 and A2, chosen by Kenward
    and Roger (1997) so that the result is exact in balanced one-way designs.
    """
    if A2 <= 0:
        return Scaling(np.inf, 1.0)  # the covariance of L beta does not depend on psi
    B = (A1 + 6 * A2) / (2 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    c = 3 * q + 2 * (1 - g)
    c1, c2, c3 = g / c, (q - g) / c, (q + 2 - g) / c
    mean = 1 / (1 - A2 / q)
    rho = (1 + c1 * B) * (1 - A2 / q) ** 2 / ((1 - c2 * B) ** 2 * (1 - c3 * B)) / q
    df = 4 + (q + 2) / (q * rho - 1)
    return Scaling(float(df), float(df / (mean * (df - 2))))


@dataclass(frozen=True)
class ContrastTests(Report):
    """t tests of contrasts L beta = 0, one for each row of L; made by :func:`t_tests`.

    Attributes
    ----------
    names : tuple of str
    method : str
        Of the degrees of freedom.
    estimate, se, df, t, p : (r,) arrays
        ``se`` is from the adjusted covariance matrix for Kenward and Roger's method, ``p`` is
        two-sided.
    """

    names: tuple[str, ...]
    method: str
    estimate: Array
    se: Array
    df: Array

    @property
    def t(self) -> Array:
        return self.estimate / self.se

    @property
    def p(self) -> Array:
        return 2.0 * stats.t.sf(np.abs(self.t), self.df)

    def _title(self) -> str:
        return f"t tests, degrees of freedom by {METHODS[self.method]}"

    def _captioned(self) -> list[tuple[str, Rows]]:
        rows = [["", "Estimate", "Std.Err.", "df", "t value", "p"]]
        for name, *row in zip(self.names, self.estimate, self.se, self.df, self.t, self.p,
                              strict=True):
            b, se, df, t, p = row
            rows.append([name, number(b), number(se), f"{df:.2f}", f"{t:.3f}", probability(p)])
        return [("Fixed effects", rows)]


def t_tests(
    fit: Fit, df: str = "satterthwaite", L: ArrayLike | None = None,
    names: tuple[str, ...] | None = None,
) -> ContrastTests:
    """Test each row of L beta = 0 by a t distribution.

    Parameters
    ----------
    fit : Fit
    df : {"satterthwaite", "kenward-roger"}
    L : (p,) or (r, p) array, optional
        Contrasts; each fixed effect by itself if not given.
    names : tuple of str, optional
        Names of the rows.

    Raises
    ------
    ValueError
        If df is neither, the contrasts are not in order, or the fit is by ML and df is
        "kenward-roger".
    """
    _check_method(df)
    if names is None:
        names = fit.model.names if L is None else tuple(
            f"contrast {i + 1}" for i in range(len(np.atleast_2d(np.asarray(L, float)))))
    L = np.eye(fit.model.p) if L is None else _contrasts(fit, L)
    if len(names) != len(L):
        raise ValueError(f"{len(names)} names for {len(L)} contrasts")
    A = parameter_covariance(fit, "observed" if df == "satterthwaite" else "expected")
    moves, vcov = sensitivity(fit), fit.vcov_beta
    degrees = _moment_df(L, vcov, moves.P, A)
    if df == "kenward-roger":
        vcov = _adjusted(_reml(fit).vcov_beta, moves, A)
    se = np.sqrt(np.einsum("rx,xy,ry->r", L, vcov, L))
    return ContrastTests(tuple(names), df, L @ fit.beta, se, degrees)


@dataclass(frozen=True)
class FTest(Report):
    """The joint test of L beta = 0; made by :func:`f_test`.

    Attributes
    ----------
    method : str
        Of the degrees of freedom.
    statistic : float
        Kenward and Roger's is scaled already.
    df1, df2 : float
    scale : float
        The factor within the statistic, 1 for Satterthwaite.
    p : float
    """

    method: str
    statistic: float
    df1: int
    df2: float
    scale: float

    @property
    def p(self) -> float:
        return float(stats.f.sf(self.statistic, self.df1, self.df2))

    def _title(self) -> str:
        return f"F test, degrees of freedom by {METHODS[self.method]}"

    def _captioned(self) -> list[tuple[str, Rows]]:
        return [("Joint test of the contrasts", [
            ["F", "df1", "df2", "scale", "p"],
            [number(self.statistic), str(self.df1), f"{self.df2:.2f}", number(self.scale),
             probability(self.p)]])]


def f_test(fit: Fit, L: ArrayLike, df: str = "satterthwaite") -> FTest:
    """Test all rows of L beta = 0 together by an F distribution.

    Parameters
    ----------
    fit : Fit
    L : (p,) or (r, p) array
        Contrasts, of full row rank.
    df : {"satterthwaite", "kenward-roger"}

    Raises
    ------
    ValueError
        As :func:`t_tests`; and if the rows of L are dependent.

    Notes
    -----
    Satterthwaite: with L Phi L' = U diag(d) U' the statistic is the mean of squared t's, one for
    each row of U'L, of degrees of freedom nu_m; the mean of F(1, nu_m), the sum of nu/(nu - 2),
    determines the denominator's, 2E/(E - r). This is lmerTest's rule, with its exceptions: equal
    nu stand for themselves, and 2 is given if one of them is at most 2. The nu_m depend on the
    rows that the same hypothesis is written with, and so do these degrees of freedom; the
    statistic and Kenward and Roger's method do not.
    """
    _check_method(df)
    L = _contrasts(fit, L, independent=True)
    estimate, r = L @ fit.beta, len(L)
    if df == "kenward-roger":
        vcov = L @ kenward_roger_vcov(fit) @ L.T
        df2, scale = kenward_roger(fit, L)
        return FTest(df, scale * _quadratic(estimate, vcov) / r, r, df2, scale)
    vcov = L @ fit.vcov_beta @ L.T
    _, U = np.linalg.eigh(vcov)
    nu = satterthwaite(fit, U.T @ L)
    return FTest(df, _quadratic(estimate, vcov) / r, r, _denominator(nu), 1.0)


def _denominator(nu: Array) -> float:
    if np.ptp(nu) < 1e-8 * np.max(nu):
        return float(np.mean(nu))
    if np.any(nu <= 2):
        return 2.0
    E = float(np.sum(nu / (nu - 2)))
    return 2 * E / (E - len(nu))


def _quadratic(x: Array, vcov: Array) -> float:
    return float(x @ np.linalg.solve(vcov, x))


def _check_method(df: str) -> None:
    if df not in METHODS:
        raise ValueError(f"df must be one of {', '.join(METHODS)}, not {df!r}")


def _reml(fit: Fit) -> Fit:
    """The fit, if Kenward and Roger's formulas apply to it."""
    if not np.all(fit.model.covariance.scaled):
        raise ValueError("Kenward and Roger's formulas here are for structures in which V is "
                         "linear in variances and covariances: use df=\"satterthwaite\"")
    if fit.method != "REML":
        raise ValueError("Kenward and Roger's method is for REML fits: fit(model, \"REML\")")
    return fit


def _contrasts(fit: Fit, L: ArrayLike, independent: bool = False) -> Array:
    L = np.atleast_2d(np.asarray(L, float))
    if L.ndim != 2 or L.shape[1] != fit.model.p:
        raise ValueError(f"L needs {fit.model.p} columns, one for each of {fit.model.names}; it "
                         f"has shape {L.shape}")
    if not np.all(np.isfinite(L)) or not np.all(np.any(L != 0, axis=1)):
        raise ValueError("every row of L must be finite and not 0")
    if independent and np.linalg.matrix_rank(L / np.linalg.norm(L, axis=1)[:, None]) < len(L):
        raise ValueError("the rows of L are dependent: leave those out that follow from others")
    return L
