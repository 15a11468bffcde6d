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

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from lmmcore.covariance.serial import GRID, Stationary, Walk
from lmmcore.covariance.structures import Array, BoundaryPoint
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile, Solution

SCREEN = 4000  # time points on which the starting values are compared


def has_series(model: LinearMixedModel) -> bool:
    """Whether the model has one term, a stationary series or a random walk, given by times."""
    return (len(model.terms) == 1 and model.terms[0].codes is not None
            and isinstance(model.covariance.placements()[0].structure, Stationary | Walk)
            and not model.exchangeable)


@dataclass(frozen=True)
class SeriesPieces:
    """log-determinant and rss at phi = (tau2/sigma2, a), with derivatives in phi.

    Attributes
    ----------
    log_det, rss : float
    dlog_det, drss : (r,) arrays
    ddlog_det, ddrss : (r, r) arrays
    """

    log_det: float
    rss: float
    dlog_det: Array
    drss: Array
    ddlog_det: Array
    ddrss: Array


class Bands:
    """The tridiagonal algebra at one (phi, a), for data [Q e] in the place of [X y].

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
        self.v = self.a = np.nan  # not factorised yet
        self.starts = np.cumsum(lengths) - lengths
        self.later = np.ones(k)
        self.later[self.starts] = 0.0
        last = np.zeros(k)
        last[np.cumsum(lengths) - 1] = 1.0
        self.square = 1.0 - last - (1.0 - self.later)  # Q = I + a^2 diag(square) - a (neighbours)
        self.couple = self.later[1:].copy()
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

    def factorise(self, phi: float, a: float) -> None:
        """T = Q + phi D = L diag(d) L', G = T^-1 B, and the residuals [Q e] - phi Z G."""
        if (phi, a) == (self.v, self.a):
            return
        self.v, self.a = phi, a
        # one minus a squared, with all its digits; a walk has no stationary first state
        self.rest = 1.0 if self.walk else (1.0 - a) * (1.0 + a)
        self.d, self.l, info = lapack.dpttrf(self.diagonal() + phi * self.D, -a * self.couple)
        if info != 0:
            raise ValueError(f"the precision matrix is not positive definite at a = {a}")
        self.log_det = float(np.sum(np.log(self.d))) - self.count * np.log(self.rest)
        self.G = self.solve(self.B)
        self.R = self.data - self.z * (phi * self.G.T)[:, self.at].T
        self.KG = self.innovations(self.G)

    def diagonal(self) -> Array:
        """The diagonal of Q."""
        diagonal = 1.0 + self.a**2 * self.square
        diagonal[self.starts] = np.where(self.square[self.starts] < 0, self.rest, 1.0)
        return diagonal

    def solve(self, B: Array, overwrite: bool = False) -> Array:
        """T^-1 B."""
        return lapack.dpttrs(self.d, self.l, B, overwrite_b=overwrite)[0]

    def before(self, V: Array) -> Array:
        """V_(t-1) in the rows from the second on, and 0 where a series begins, (k - 1, ...)."""
        return self.couple[:, None] * V[:-1]

    def innovations(self, V: Array) -> Array:
        """K V for Q = K'K: V_t - a V_(t-1), and sqrt(1 - a^2) V_1 at the start of a series."""
        K = V.copy(order="F")
        K[1:] -= self.a * V[:-1]
        K[self.starts] = np.sqrt(self.rest) * V[self.starts]  # which for a walk is 0
        return K

    def slope_form(self, V: Array, KV: Array) -> Array:
        """V'Q'V with Q' = dQ/da, from V and KV, of a stationary series."""
        half = KV[1:].T @ self.before(V)
        first = V[self.starts]
        return -(half + half.T) - 2.0 * self.a * (first.T @ first)

    def slope_times(self, V: Array) -> Array:
        """Q'V."""
        product = 2.0 * self.a * self.square[:, None] * V
        product[1:] -= self.before(V)
        product[:-1] -= self.couple[:, None] * V[1:]
        return product

    def determinant(self) -> tuple[Array, Array]:
        """Gradient (2,) and Hessian (2, 2) of log|T| - log|Q|, from the recursion of the pivots.

        d_t = T_tt - a^2/d_(t-1) between neighbours: its derivatives follow linear recursions,
        x_t = r_t + l^2 x_(t-1), and sum x_t/d_t = sum r_t v_t for the diagonal v of T^-1, which
        follows the same recursion backwards. So what is new in the second derivatives,
        r = -2/d_(t-1) z z' with z = a (d'/d)_(t-1) - (0, 1), needs no recursion of its own.
        """
        d, a, v = self.d, self.a, self.variances()
        pull = 2.0 * self.couple / d[:-1]
        right = np.array([self.D, 2.0 * a * self.square])
        right[1, 1:] -= a * pull
        slope = self.recursion(right.T).T
        slope /= d  # of log d in (phi, a)
        z = a * slope[:, :-1]
        z[1] -= 1.0
        gradient = np.sum(slope, axis=1)
        hessian = -(z * (pull * v[1:])) @ z.T - slope @ slope.T
        hessian[1, 1] += 2.0 * v @ self.square
        if not self.walk:
            gradient[1] += 2.0 * a * self.count / self.rest
            hessian[1, 1] += 2.0 * self.count * (1.0 + a * a) / self.rest**2
        return gradient, hessian

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
        a, rest, sigma, ell = self.a, self.rest, self.variances(), -self.l
        trace_Q = 2.0 * np.sum(self.square) / rest  # tr(Q^-1 Q'')
        bend_Q = -2.0 * self.count * (1.0 + a * a) / rest**2  # of log|Q|
        ends = self.square <= 0
        w = np.where(ends, 1.0, rest) / np.sqrt(rest)
        single = self.square < 0
        # the diagonals of Q'Q^-1 Q' as Q' times the entries of Q^-1 Q' next to its diagonal
        near = self.couple
        diagonal = np.where(ends, 1.0 / rest, 2.0)
        diagonal = np.where(single, 4.0 * a * a / rest, diagonal)
        pair = ends[:-1] & ends[1:]
        beside = np.where(pair, a / rest, np.where(ends[:-1] | ends[1:], 0.0, -a)) * near
        # x_t = sum over s <= t - 2 of w_s a^(t-s-2) times the factors from s to t in T^-1
        step = np.zeros_like(sigma)
        step[2:] = w[:-2] * ell[:-1] * ell[1:] * near[:-1] * near[1:]
        bands = np.array([np.ones_like(sigma), np.append(-a * ell, 0.0)], order="F")
        x = lapack.dtbtrs(bands, np.asfortranarray(step[:, None]), uplo="L", diag="U")[0][:, 0]
        product = float(sigma @ diagonal + 2.0 * np.sum(sigma[1:] * ell * beside)
                        + 2.0 * np.sum(sigma * w * x))
        trace_T = 2.0 * float(sigma @ self.square)  # tr(T^-1 Q'')
        return trace_Q - 2.0 * bend_Q - 2.0 * product + trace_T

    def stretched_form(self) -> Array:
        """G'(2 Q'Q^-1 Q' - Q'')G, (p + 1, p + 1)."""
        G = self.G
        turned = self.slope_times(G)
        inner = lapack.dptsv(self.diagonal(), -self.a * self.couple, turned)[2]
        return 2.0 * (turned.T @ inner - (G * self.square[:, None]).T @ G)


class SeriesProfile(Profile):
    """:class:`lmmcore.profile.Profile` for one term that is a series, at linear cost.

    Parameters
    ----------
    model : LinearMixedModel
        As :func:`lmmcore.covariance.serial.series` makes it, or :func:`lmmcore.model.grouped` with
        one factor and :class:`lmmcore.covariance.serial.AR1` or
        :class:`lmmcore.covariance.serial.RandomWalk`.
    method : {"REML", "ML"}

    Raises
    ------
    ValueError
        If the model has another structure.

    Notes
    -----
    See the chapter "Autoregressive effects" (B8, E3.3).
    """

    def _prepare(self) -> None:
        model = self.model
        if not has_series(model):
            raise ValueError("SeriesProfile is for one stationary series or random walk: "
                             "use Profile")
        Q, _, _, e = model.least_squares
        self.covariance = self.structure = model.covariance.placements()[0].structure
        (term,) = model.terms
        self.walk = isinstance(self.structure, Walk)
        self.bands = Bands(np.column_stack([Q, e]), term.codes, term.columns[:, 0],
                           self.structure.lengths, self.walk)
        self.z_scale = [np.array([np.sqrt(np.sum(term.columns**2) / len(self.bands.D))])]

    def _phi(self, theta: Array) -> tuple[float, float]:
        """phi and a at theta."""
        return float(theta[0]) ** 2, 1.0 if self.walk else self.structure.a(theta)

    def _rss_log_det(self, theta: Array) -> tuple[float, float]:
        """rss and log|.| without their derivatives (B19, B31)."""
        if self._kept(theta) is not None:
            return super()._rss_log_det(theta)
        self.bands.factorise(*self._phi(theta))
        log_det, rss, _, _ = self._least_squares(self.bands)
        return rss, log_det

    def _value(self, bands: Bands, phi: float, a: float) -> float:
        bands.factorise(phi, a)
        log_det, rss, _, _ = self._least_squares(bands)
        n, columns = bands.data.shape  # bands may hold the head of the data only
        m = n if self.method == "ML" else n - columns + 1
        return float(m * (np.log(2.0 * np.pi * rss / m) + 1.0) + log_det)

    def _least_squares(self, bands: Bands) -> tuple[float, float, Array, Array]:
        """log-determinant, rss, (-beta, 1) and (X'W^-1X)^-1, by sums of squares (B17)."""
        R, KG = bands.R, bands.KG
        S = R.T @ R + bands.v * (KG.T @ KG)
        beta = np.linalg.solve(S[:-1, :-1], S[:-1, -1])
        r = np.append(-beta, 1.0)
        rss = float(np.sum((R @ r) ** 2) + bands.v * np.sum((KG @ r) ** 2))
        log_det = bands.log_det
        if self.method == "REML":
            log_det += float(np.linalg.slogdet(S[:-1, :-1])[1]) + self.log_det_XtX
        return log_det, rss, r, np.linalg.inv(S[:-1, :-1])

    def _pieces(self, theta: Array) -> SeriesPieces:
        """The pieces anew, with their derivatives in phi."""
        bands, (v, a) = self.bands, self._phi(theta)
        bands.factorise(v, a)
        log_det, rss, r, inverse = self._least_squares(bands)
        G, KG = bands.G, bands.KG
        gradient, hessian = bands.determinant()
        moved = [bands.solve(-bands.D[:, None] * G, overwrite=True)]  # dG/dphi, dG/da
        if not self.walk:
            turned = bands.slope_times(G)
            moved.append(bands.solve(-turned, overwrite=True))
        QG = [bands.innovations(g) for g in moved]
        first = [-(KG.T @ KG)]
        half = KG.T @ QG[0]
        second = [[-(half + half.T)]]
        if not self.walk:
            form = bands.slope_form(G, KG)
            first.append(v * form)
            half = KG.T @ QG[1]
            mixed = -form - (half + half.T)
            half = moved[1].T @ turned
            square = (G * bands.square[:, None]).T @ G
            second = [[second[0][0], mixed],
                      [mixed, v * (half + half.T + 2.0 * square)]]
        dS, d2S = np.array(first), np.array(second)
        size = len(dS)
        x = slice(0, -1)
        Sr = dS @ r
        drss = Sr @ r
        ddrss = d2S @ r @ r - 2.0 * Sr[:, x] @ inverse @ Sr[:, x].T
        dlog_det, ddlog_det = gradient[:size].copy(), hessian[:size, :size].copy()
        own = inverse @ dS[:, x, x]
        if self.method == "REML":
            dlog_det += np.trace(own, axis1=1, axis2=2)
            ddlog_det += np.einsum("ab,ijba->ij", inverse, d2S[:, :, x, x])
            ddlog_det -= np.einsum("iab,jba->ij", own, own)
        return SeriesPieces(log_det, rss, dlog_det, drss, ddlog_det, ddrss)

    def _bends(self, theta: Array) -> tuple[Array, Array]:
        """What W'' adds to log_det'' and rss'': tr(M W_ij), M = P or W^-1, and -y'P W_ij P y."""
        v, a = self._phi(theta)
        pieces, size = self.pieces(theta), len(theta)
        det, rss = np.zeros((size, size)), np.zeros((size, size))
        if self.walk:
            return det, rss
        if v == 0:  # W_phi and W_phi,a are all there is, and products with W_a are 0
            det[0, 1] = det[1, 0] = pieces.ddlog_det[0, 1]
            rss[0, 1] = rss[1, 0] = pieces.ddrss[0, 1]
            return det, rss
        det[0, 1] = det[1, 0] = pieces.dlog_det[1] / v
        rss[0, 1] = rss[1, 0] = pieces.drss[1] / v
        self.bands.factorise(v, a)
        _, _, r, inverse = self._least_squares(self.bands)
        form = v * self.bands.stretched_form()
        det[1, 1] = self.bands.stretched_trace()
        if self.method == "REML":
            det[1, 1] -= float(np.sum(inverse * form[:-1, :-1]))
        rss[1, 1] = -float(r @ form @ r)
        return det, rss

    def _chain(self, theta: Array) -> tuple[Array, Array]:
        if self.walk:
            return 2.0 * theta, np.array([2.0])
        return self.structure.chain(theta)

    def _curvature_phi(self, theta: Array, kind: str) -> tuple[Array, Array]:
        """Slope and second derivatives of the criterion in phi, as :meth:`Profile._curvature`."""
        pieces = self.pieces(theta)
        s = pieces.rss / self.m
        slope, mixed = pieces.dlog_det + pieces.drss / s, pieces.drss / s
        if kind == "observed":
            block = pieces.ddlog_det + pieces.ddrss / s
        else:
            det, rss = self._bends(theta)
            bend = det + rss / s
            if kind == "expected":
                block, mixed = bend - (pieces.ddlog_det - det), pieces.dlog_det
            else:
                block = bend + 0.5 * (pieces.ddrss - rss) / s
        return slope, block - np.outer(mixed, mixed) / self.m

    def derivatives(self, theta: Array, kind: str = "observed") -> tuple[float, Array, Array]:
        """The criterion, its gradient (n_theta,) and its Hessian (n_theta, n_theta) in theta."""
        theta = np.asarray(theta, float)
        pieces = self.pieces(theta)
        first, second = self._chain(theta)
        slope, block = self._curvature_phi(theta, kind)
        return (self._criterion(pieces.rss, pieces.log_det), slope * first,
                block * np.outer(first, first) + np.diag(slope * second))

    def information(self, theta: Array, kind: str = "observed") -> Array:
        """Information on (sigma2, phi) at sigma2 = rss/m, (1 + r, 1 + r), as for Profile."""
        theta = np.asarray(theta, float)
        pieces = self.pieces(theta)
        s = pieces.rss / self.m
        if kind == "observed":
            mixed, block = -pieces.drss / s**2, pieces.ddlog_det + pieces.ddrss / s
        else:
            mixed, block = pieces.dlog_det / s, self._bends(theta)[0] - pieces.ddlog_det
        return 0.5 * np.block([[np.array([[self.m / s**2]]), mixed[None, :]],
                               [mixed[:, None], block]])

    def boundary(self, theta: Array) -> list[BoundaryPoint]:
        """Whether tau2 = 0, with the slope in tau2/sigma2 for the least favourable a."""
        if theta[0] != 0:
            return []
        tried = [theta] if self.walk else [self.structure.with_a(theta, a) for a in GRID]
        slopes = []
        for at in tried:
            pieces = self._pieces(at)
            slopes.append(float(pieces.dlog_det[0] + pieces.drss[0] * self.m / pieces.rss))
        trace = np.ones(1) if self.walk else 1.0 / (1.0 - GRID**2)
        worst = int(np.argmin(slopes / trace))
        label = f"{self.model.terms[0].name}: {self.structure.labels(())[0]}"
        return [BoundaryPoint(label, slopes[worst], np.ones((1, 1)))]

    def screened(self, starts: list[Array]) -> list[Array]:
        """The lowest points of a grid of theta, compared and improved on the head of a series."""
        bands = self.bands.head(SCREEN) if len(self.bands.D) > SCREEN else self.bands
        if np.max(np.abs(bands.data[:, -1])) < 1e-6 * np.max(np.abs(self.bands.data[:, -1])):
            bands = self.bands  # nothing varies in the head
        t = np.array([0.1, 0.3, 1.0, 3.0, 10.0]) / self.z_scale[0][0]
        if self.walk:
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
        starts = [np.array([t[i]]) if self.walk else np.array([t[i], np.arctanh(a[j])])
                  for i, j in lowest]
        if bands is self.bands:
            return starts
        return [minimize(lambda theta: self._value(bands, *self._phi(theta)), start,
                         method="Nelder-Mead", options={"maxfev": 40}).x for start in starts]

    def solution(self, theta: Array) -> Solution:
        """beta, (X'W^-1X)^-1, U = phi G (-beta, 1) and Var(U | y) = phi diag(T^-1) (E3.3)."""
        _, R_ls, beta_ls, _ = self.model.least_squares
        self.bands.factorise(*self._phi(np.asarray(theta, float)))
        _, _, r, inverse = self._least_squares(self.bands)
        R_inverse = np.linalg.inv(R_ls)
        u = self.bands.v * (self.bands.G @ r)
        given = self.bands.v * self.bands.variances()
        if self.walk:
            given[self.bands.starts] = 0.0
        return Solution(beta_ls - R_inverse @ r[:-1], R_inverse @ inverse @ R_inverse.T,
                        [u[:, None]], [given[:, None, None]])
