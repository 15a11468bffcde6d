"""Series in time: an autoregression plus noise, through its tridiagonal precision matrix.

Psi = B C B' is full, but its inverse is tridiagonal (B8). For Gamma = phi Q^-1 with the precision
matrix Q of innovation variance 1, D = Z'Z (the number of observations at each time) and a
right-hand side B = Z'[X y], nothing of the size of the series is ever filled (E3.3):

    T = Q + phi D,   G = T^-1 B,   log|W| = log|T| - log|Q|                                (B18)
    W^-1[X y] = [X y] - phi Z G,   [X y]'W^-1[X y] = |[X y] - phi Z G|^2 + phi G'QG        (B17)

The derivatives are of the same kind, since Q is a quadratic in a with derivatives Q' and Q'':

    d S/dphi = -G'QG,   d S/da = phi G'Q'G,   dG/dphi = -T^-1 D G,   dG/da = -T^-1 Q'G,

and log|T| is the sum of the log pivots, which follow a recursion that can be differentiated. Each
evaluation, with gradient and Hessian, takes a few passes over the series: time and memory are
linear. The log determinant keeps its digits at phi = 0 and near |a| = 1.
See the chapter "Autoregressive effects" (B8, E3.2, E3.3).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from lmmcore.covariance.serial import GRID, Stationary, Walk
from lmmcore.covariance.structures import Array, BoundaryPoint
from lmmcore.criterion import (
    Criterion,
    Expansion,
    RelativeCovariance,
    minus_two_log_likelihood,
)
from lmmcore.fast.blocks import orthonormal
from lmmcore.model import LinearMixedModel

SCREEN = 4000  # time points on which the starting values are compared


class SeriesProfile(Criterion):
    """:class:`lmmcore.criterion.Criterion` for one term that is a series, at linear cost.

    See the chapter "Autoregressive effects" (B8, E3.3).
    """

    def _prepare(self) -> None:
        model = self.model
        if not has_series(model):
            raise ValueError("SeriesProfile is for one stationary series or random walk: "
                             "use Profile")
        Q, _, _, e = model.least_squares
        self.covariance = model.covariance
        self.structure = self.covariance.placements[0].structure
        (term,) = model.terms
        self.bands = Bands(np.column_stack([Q, e]), term.codes, term.columns[:, 0],
                           self.structure.lengths, isinstance(self.structure, Walk))
        self.z_scale = [np.array([np.sqrt(np.sum(term.columns**2) / len(self.bands.D))])]

    def _phi(self, theta: Array) -> tuple[float, float]:
        """phi and a at theta."""
        return float(theta[0]) ** 2, 1.0 if self.bands.walk else self.structure.a(theta)

    def _W(self, theta: Array) -> SeriesW:
        return SeriesW(self.bands, *self._phi(theta))

    def _value(self, bands: Bands, phi: float, a: float) -> float:
        """The criterion of what these bands hold, which may be the head of the data only."""
        n, columns = bands.data.shape
        W = SeriesW(bands, phi, a)
        return minus_two_log_likelihood(n if self.method == "ML" else n - columns + 1,
                                        W.rss, self._log_det(W))

    def _chain(self, theta: Array) -> tuple[Array, Array]:
        return (2.0 * theta, np.array([2.0])) if self.bands.walk else self.structure.chain(theta)

    def _directions(self, theta: Array, reported: bool) -> Array:
        """Steps in phi and a."""
        return np.ones(len(theta)) if reported else self._chain(theta)[0]

    def _bends(self, near: Expansion) -> tuple[Array, Array]:
        """What W'' adds to D'' and rss'': tr(M W_ij), M = P or W^-1, and -y'P W_ij P y."""
        W, D = near.W, near.directions
        det, rss = np.zeros((2, len(D), len(D)))
        if self.bands.walk:
            return det, rss
        if W.phi == 0:  # W_phi and W_phi,a are all there is, and products with W_a are 0
            det[0, 1] = det[1, 0] = near.ddlog_det()[0, 1]
            rss[0, 1] = rss[1, 0] = near.ddrss()[0, 1]
            return det, rss
        det[0, 1] = det[1, 0] = D[0] * near.dlog_det[1] / W.phi
        rss[0, 1] = rss[1, 0] = D[0] * near.drss[1] / W.phi
        form, trace = W.stretched_form(), W.stretched_trace()
        if self.method == "REML":
            trace -= float(np.sum(W.vcov() * form[:-1, :-1]))
        det[1, 1], rss[1, 1] = D[1] ** 2 * trace, -D[1] ** 2 * float(W.r @ form @ W.r)
        return det, rss

    def _curvature(self, theta: Array, near: Expansion, kind: str, reported: bool
                   ) -> tuple[Array, Array]:
        s, bend = near.W.rss / self.m, np.zeros((len(theta),) * 2)
        if not reported:
            in_phi = Expansion(near.W, np.ones(len(theta)), near.reml)
            bend += np.diag((in_phi.dlog_det + in_phi.drss / s) * self._chain(theta)[1])
        if kind == "observed":  # with W_ij at once
            return near.curvature(kind, s), bend
        det, rss = self._bends(near)
        return near.curvature(kind, s, det, rss), bend + det + rss / s

    def boundary(self, theta: Array) -> list[BoundaryPoint]:
        """Whether tau2 = 0, with the slope in tau2/sigma2 for the least favourable a."""
        if theta[0] != 0:
            return []
        coefficients, slopes = np.ones(1) if self.bands.walk else GRID, []
        for a in coefficients:
            W = SeriesW(self.bands, 0.0, a)
            near = Expansion(W, np.ones(self.covariance.n_theta), self.method == "REML")
            slopes.append(float(near.dlog_det[0] + near.drss[0] * self.m / W.rss))
        trace = np.ones(1) if self.bands.walk else 1.0 / (1.0 - GRID**2)
        worst = int(np.argmin(slopes / trace))
        label = f"{self.model.terms[0].name}: {self.structure.labels(())[0]}"
        return [BoundaryPoint(label, slopes[worst], np.ones((1, 1)))]

    def screened(self, starts: list[Array]) -> list[Array]:
        """The lowest points of a grid of theta, compared and improved on the head of a series."""
        bands = self.bands.head(SCREEN) if len(self.bands.D) > SCREEN else self.bands
        if np.max(np.abs(bands.data[:, -1])) < 1e-6 * np.max(np.abs(self.bands.data[:, -1])):
            bands = self.bands  # nothing varies in the head
        t = np.array([0.1, 0.3, 1.0, 3.0, 10.0]) / self.z_scale[0][0]
        if self.bands.walk:
            t, a = np.append(t, 0.01 / self.z_scale[0][0]), np.ones(1)
        else:
            a = np.array([-0.8, -0.4, 0.2, 0.5, 0.75, 0.9, 0.97, 0.99])
        t = np.sort(t)
        value = np.array([[self._value(bands, x * x, b) for b in a] for x in t])
        padded = np.pad(value, 1, constant_values=np.inf)
        near = [padded[1 + i:padded.shape[0] - 1 + i, 1 + j:padded.shape[1] - 1 + j]
                for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        lowest = np.argwhere(np.all([value <= other for other in near], axis=0))
        lowest = sorted(lowest, key=lambda at: value[tuple(at)])
        starts = [np.array([t[i]]) if self.bands.walk else np.array([t[i], np.arctanh(a[j])])
                  for i, j in lowest]
        if bands is self.bands:
            return starts
        return [minimize(lambda theta: self._value(bands, *self._phi(theta)), start,
                         method="Nelder-Mead", options={"maxfev": 40}).x for start in starts]


def has_series(model: LinearMixedModel) -> bool:
    """Whether the model has one term, a stationary series or a random walk, given by times."""
    return (model.errors is None and len(model.terms) == 1 and model.terms[0].codes is not None
            and isinstance(model.covariance.placements[0].structure, Stationary | Walk)
            and not model.exchangeable)


class Bands:
    """What does not depend on theta, for data [Q e] in the place of [X y].

    Parameters
    ----------
    data : (n, p + 1) array
    codes : (n,) array of int
        The time point of each row.
    z : (n,) array
        The row's entry of Z.
    lengths : (G,) array of int
    walk : bool
        Whether each series starts at U_1 = 0 with a = 1.
    """

    def __init__(self, data: Array, codes: Array, z: Array, lengths: Array, walk: bool):
        # by columns in memory, as LAPACK has them
        self.data, self.codes, self.z, self.walk = np.asfortranarray(data), codes, z[:, None], walk
        k = int(np.sum(lengths))
        # the state of each row; rows that stand in order of time, one at each, need no look-up
        ordered = len(codes) == k and bool(np.all(codes[1:] > codes[:-1]))
        self.at = slice(None) if ordered else codes
        self.count = len(lengths)
        self.starts = np.cumsum(lengths) - lengths
        later, last = np.ones(k), np.zeros(k)
        later[self.starts] = 0.0
        last[np.cumsum(lengths) - 1] = 1.0
        self.square = later - last  # Q = I + a^2 diag(square) - a (neighbours)
        self.couple = later[1:].copy()
        self.D = np.bincount(codes, weights=z * z, minlength=k)
        self.B = np.empty((k, data.shape[1]), order="F")
        for j, column in enumerate(data.T):
            self.B[:, j] = np.bincount(codes, weights=z * column, minlength=k)
        if walk:  # the first state is 0: it is left in its place, without neighbours or data
            self.D[self.starts], self.B[self.starts] = 0.0, 0.0
            self.square[self.starts] = 0.0
            self.couple[self.starts[lengths > 1]] = 0.0

    def head(self, rows: int) -> Bands:
        """The same for the first time points, at most so many, with the X that is left there."""
        kept = self.codes < rows
        U, size, _ = np.linalg.svd(self.data[kept, :-1], full_matrices=False)
        Q = U[:, size > 1e-10 * np.max(size)]  # a column may be 0 in all these rows
        e = self.data[kept, -1] - Q @ (Q.T @ self.data[kept, -1])
        ends = np.minimum(np.append(self.starts[1:], len(self.D)), rows)
        lengths = (ends - self.starts)[self.starts < rows]
        data = np.column_stack([Q, e])
        return Bands(data, self.codes[kept], self.z[kept, 0], lengths, self.walk)


class SeriesW(RelativeCovariance):
    """W at one (phi, a), which bends in a: its second derivatives are whole, W_ij included.

    Attributes
    ----------
    d, l : (k,) and (k - 1,) arrays
        T = Q + phi D = L diag(d) L'.
    G, R, KG : (k, p + 1), (n, p + 1) and (k, p + 1) arrays
        T^-1 B, the residuals [Q e] - phi Z G, and K G for Q = K'K.
    """

    def __init__(self, bands: Bands, phi: float, a: float):
        self.bands, self.phi, self.a = bands, phi, a
        # one minus a squared, with all its digits; a walk has no stationary first state
        self.rest = 1.0 if bands.walk else (1.0 - a) * (1.0 + a)
        self.d, self.l, info = lapack.dpttrf(self.diagonal() + phi * bands.D, -a * bands.couple)
        if info != 0:
            raise ValueError(f"the precision matrix is not positive definite at a = {a}")
        self.log_det = float(np.sum(np.log(self.d))) - bands.count * np.log(self.rest)
        self.G = self.solve(bands.B)
        self.R = bands.data - bands.z * (phi * self.G.T)[:, bands.at].T
        self.KG = self.innovations(self.G)
        S = self.R.T @ self.R + phi * (self.KG.T @ self.KG)  # sums of squares (B17)
        self.Sxx, self.beta = S[:-1, :-1], np.linalg.solve(S[:-1, :-1], S[:-1, -1])
        self.r = np.append(-self.beta, 1.0)
        self.rss = float(np.sum((self.R @ self.r) ** 2) + phi * np.sum((self.KG @ self.r) ** 2))

    def diagonal(self) -> Array:
        """The diagonal of Q."""
        square, starts = self.bands.square, self.bands.starts
        diagonal = 1.0 + self.a**2 * square
        diagonal[starts] = np.where(square[starts] < 0, self.rest, 1.0)
        return diagonal

    def solve(self, B: Array, overwrite: bool = False) -> Array:
        """T^-1 B."""
        return lapack.dpttrs(self.d, self.l, B, overwrite_b=overwrite)[0]

    def innovations(self, V: Array) -> Array:
        """K V for Q = K'K: V_t - a V_(t-1), and sqrt(1 - a^2) V_1 at the start of a series."""
        K, starts = V.copy(order="F"), self.bands.starts
        K[1:] -= self.a * V[:-1]
        K[starts] = np.sqrt(self.rest) * V[starts]  # which for a walk is 0
        return K

    def slope_times(self, V: Array) -> Array:
        """Q'V with Q' = dQ/da."""
        product = 2.0 * self.a * self.bands.square[:, None] * V
        product[1:] -= self.bands.couple[:, None] * V[:-1]
        product[:-1] -= self.bands.couple[:, None] * V[1:]
        return product

    @cached_property
    def moves(self) -> tuple[Array, Array]:
        """Derivatives of [X r]'W^-1[X r] in phi and a: (r, p + 1, p + 1), (r, r, p + 1, p + 1)."""
        bands, v, G, KG = self.bands, self.phi, self.G, self.KG
        dG = self.solve(-bands.D[:, None] * G, overwrite=True)  # in phi
        mixed = KG.T @ self.innovations(dG)
        first, second = [-(KG.T @ KG)], [[-(mixed + mixed.T)]]
        if not bands.walk:
            turned = self.slope_times(G)
            dG = self.solve(-turned, overwrite=True)  # in a
            half, start = KG[1:].T @ (bands.couple[:, None] * G[:-1]), G[bands.starts]
            form = -(half + half.T) - 2.0 * self.a * (start.T @ start)  # G'Q'G
            mixed, half = KG.T @ self.innovations(dG), dG.T @ turned
            mixed = -form - (mixed + mixed.T)
            square = (G * bands.square[:, None]).T @ G
            first.append(v * form)
            second = [[second[0][0], mixed], [mixed, v * (half + half.T + 2.0 * square)]]
        to_Xr = np.eye(len(self.r))
        to_Xr[:-1, :-1], to_Xr[:, -1] = orthonormal(self.Sxx), self.r
        return tuple(to_Xr.T @ np.array(M) @ to_Xr for M in (first, second))

    def dlog_det(self, D: Array) -> Array:
        return D * self.determinant[0][:len(D)]

    def dS(self, D: Array) -> Array:
        return D[:, None, None] * self.moves[0]

    def ddlog_det(self, D: Array) -> Array:
        return np.outer(D, D) * self.determinant[1][:len(D), :len(D)]

    def ddSxx(self, D: Array) -> Array:
        return np.outer(D, D) * np.trace(self.moves[1][..., :-1, :-1], axis1=2, axis2=3)

    def ddrss(self, D: Array) -> Array:
        return np.outer(D, D) * self.moves[1][..., -1, -1]

    def effects(self) -> tuple[list[Array], list[Array]]:
        """U = phi G (-beta, 1) and Var(U | y) = phi diag(T^-1) (E3.3)."""
        given = self.phi * self.variances
        if self.bands.walk:
            given[self.bands.starts] = 0.0
        return [self.phi * (self.G @ self.r)[:, None]], [given[:, None, None]]

    @cached_property
    def determinant(self) -> tuple[Array, Array]:
        """Gradient (2,) and Hessian (2, 2) of log|T| - log|Q|, from the recursion of the pivots.

        d_t = T_tt - a^2/d_(t-1) between neighbours: its derivatives follow linear recursions,
        x_t = r_t + l^2 x_(t-1), and sum x_t/d_t = sum r_t v_t for the diagonal v of T^-1, which
        follows the same recursion backwards. So what is new in the second derivatives,
        r = -2/d_(t-1) z z' with z = a (d'/d)_(t-1) - (0, 1), needs no recursion of its own.
        """
        d, a, v, bands = self.d, self.a, self.variances, self.bands
        pull = 2.0 * bands.couple / d[:-1]
        right = np.array([bands.D, 2.0 * a * bands.square])
        right[1, 1:] -= a * pull
        slope = self.recursion(right.T).T
        slope /= d  # of log d in (phi, a)
        z = a * slope[:, :-1]
        z[1] -= 1.0
        gradient = np.sum(slope, axis=1)
        hessian = -(z * (pull * v[1:])) @ z.T - slope @ slope.T
        hessian[1, 1] += 2.0 * v @ bands.square
        if not bands.walk:
            gradient[1] += 2.0 * a * bands.count / self.rest
            hessian[1, 1] += 2.0 * bands.count * (1.0 + a * a) / self.rest**2
        return gradient, hessian

    @cached_property
    def variances(self) -> Array:
        """The diagonal of T^-1, backwards in time: 1/d_t + l_t^2 times the next."""
        return self.recursion(1.0 / self.d[:, None], backwards=True)[:, 0]

    def recursion(self, r: Array, backwards: bool = False) -> Array:
        """x_t = r_t + l_(t-1)^2 x_(t-1), or backwards r_t + l_t^2 x_(t+1), in the place of r."""
        bands = np.ones((2, len(r)), order="F")
        bands[1, :-1] = -self.l * self.l
        return lapack.dtbtrs(bands, r, uplo="L", trans="T" if backwards else "N", diag="U",
                             overwrite_b=1)[0]

    def stretched_trace(self) -> float:
        """tr(W^-1 d2W/da2), which only the expected information needs.

        With Gamma'' = phi (2 Q^-1 Q'Q^-1 Q'Q^-1 - Q^-1 Q''Q^-1) it takes tr(T^-1 Q'Q^-1 Q'); that
        product has the entries w_s w_t a^(|s-t|-2) away from its diagonals.
        """
        a, rest, sigma, ell, bands = self.a, self.rest, self.variances, -self.l, self.bands
        trace_Q = 2.0 * np.sum(bands.square) / rest  # tr(Q^-1 Q'')
        bend_Q = -2.0 * bands.count * (1.0 + a * a) / rest**2  # of log|Q|
        ends = bands.square <= 0
        w = np.where(ends, 1.0, rest) / np.sqrt(rest)
        single = bands.square < 0
        # the diagonals of Q'Q^-1 Q' as Q' times the entries of Q^-1 Q' next to its diagonal
        near = bands.couple
        diagonal = np.where(ends, 1.0 / rest, 2.0)
        diagonal = np.where(single, 4.0 * a * a / rest, diagonal)
        pair = ends[:-1] & ends[1:]
        beside = np.where(pair, a / rest, np.where(ends[:-1] | ends[1:], 0.0, -a)) * near
        # x_t = sum over s <= t - 2 of w_s a^(t-s-2) times the factors from s to t in T^-1
        step = np.zeros_like(sigma)
        step[2:] = w[:-2] * ell[:-1] * ell[1:] * near[:-1] * near[1:]
        banded = np.array([np.ones_like(sigma), np.append(-a * ell, 0.0)], order="F")
        x = lapack.dtbtrs(banded, np.asfortranarray(step[:, None]), uplo="L", diag="U")[0][:, 0]
        product = float(sigma @ diagonal + 2.0 * np.sum(sigma[1:] * ell * beside)
                        + 2.0 * np.sum(sigma * w * x))
        trace_T = 2.0 * float(sigma @ bands.square)  # tr(T^-1 Q'')
        return trace_Q - 2.0 * bend_Q - 2.0 * product + trace_T

    def stretched_form(self) -> Array:
        """[X r]'W^-1 d2W/da2 W^-1[X r] = G'(2 Q'Q^-1 Q' - Q'')G phi, (p + 1, p + 1)."""
        G, bands = self.G, self.bands
        turned = self.slope_times(G)
        inner = lapack.dptsv(self.diagonal(), -self.a * bands.couple, turned)[2]
        return 2.0 * self.phi * (turned.T @ inner - (G * bands.square[:, None]).T @ G)
