"""Exact instances: rational matrices that satisfy the assumptions, to refute what is false.

This road shares nothing with the prover: no rewriting, no rule for derivatives (a differential is
a coefficient of an exact power series in the step), no Wick (an expectation is a weighted sum
over rational points that has the moments of the Gaussian). Logarithms of rational numbers are
kept exactly, by their prime factors.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix
from sympy.polys.matrices.exceptions import DMNonInvertibleMatrixError

from matrixproof.language.differential import differentiate
from matrixproof.language.errors import ProofError, UntestedError
from matrixproof.language.expressions import Expr, block_rows, plain, sympy_latex, tex_name
from matrixproof.setting import Differential, Setting, match_shapes

QQ = sp.QQ
Scalar = dict[Any, list[Any]]  # {1: rational part, prime: coefficient of log(prime)}, as series
MOST_POINTS = 90


class Unusable(Exception):
    """This draw does not satisfy the assumptions, or leaves the domain of an expression."""


class TooLarge(Unusable):
    """No draw of these sizes can be evaluated."""


# -- drawing ---------------------------------------------------------------------------------
def exact(x: Any) -> Any:
    """A rational number, given as one or as a text such as "1/2".

    Raises
    ------
    ProofError
        For a float, or a number that is not rational.
    """
    if isinstance(x, int):
        return QQ(x)
    value = sp.Rational(x) if isinstance(x, str) else sp.sympify(x)
    if not isinstance(value, sp.Rational):
        raise ProofError(f"{x} is not an exact rational number: write Rational(1, 2) for a half")
    return QQ.from_sympy(value)


def matrix(rows: Sequence[Sequence[Any]]) -> DomainMatrix:
    """An exact rational matrix."""
    converted = [[x if isinstance(x, QQ.dtype) else exact(x) for x in r] for r in rows]
    return DomainMatrix(converted, (len(rows), len(rows[0])), QQ)


def is_of_kind(x: DomainMatrix, kind: str) -> bool:
    """Whether a matrix is what a letter of the kind is taken to be."""
    x = x.to_dense()
    if kind in ("symmetric", "positive definite") and x.transpose() != x:
        return False
    if kind == "full column rank":
        return bool((x.transpose() * x).to_dense().det())
    if kind == "positive definite":
        orders = range(1, x.shape[0] + 1)
        return all(x.extract(list(range(k)), list(range(k))).det() > 0 for k in orders)
    return True


def _of(kind: str) -> str:
    return f"of {kind}" if kind == "full column rank" else kind


def draw(i: Instance, r: int, c: int) -> DomainMatrix:
    """Whole numbers, none larger than the height of the instance."""
    return matrix([[i.rng.randint(-i.height, i.height) for _ in range(c)] for _ in range(r)])


def sample_contrasts(i: Instance, X: str) -> DomainMatrix:
    """A basis of the null space of X', turned by an invertible matrix."""
    null_space = i.matrices[X].to_Matrix().T.nullspace()
    m = i.matrices[X].shape[0] - i.matrices[X].shape[1]
    if len(null_space) != m or not m:
        raise Unusable("X has no full column rank")
    basis = matrix(sp.Matrix.hstack(*null_space).tolist())
    turn = draw(i, m, m)
    if not turn.to_dense().det():
        raise Unusable("singular turn")
    return basis * turn


def sample_orthonormal(i: Instance, r: int, c: int) -> DomainMatrix:
    """c orthonormal columns of length r: columns of a Cayley transform (I + S)^-1 (I - S)."""
    if c > r:
        raise Unusable(f"there are no {c} orthonormal columns of length {r}")
    x, unit = draw(i, r, r), DomainMatrix.eye(r, QQ).to_dense()
    S = x - x.transpose()
    turn = (unit + S).inv() * (unit - S)
    return turn.extract(list(range(r)), i.rng.sample(range(r), c))


def default_root(covariance: Expr) -> Callable[[Instance], DomainMatrix]:
    """A root of K K', or of scalar * I when the scalar is drawn as a square."""

    def root(i: Instance) -> DomainMatrix:
        a = covariance.args
        if covariance.op == "mul" and len(a) == 2 and a[1].op == "transpose":
            K = i.evaluate(a[0])[0]
            return K
        if covariance.op == "mul" and len(a) == 2 and a[0].shape is None and a[1].op == "eye":
            value = i.rational(i.evaluate(a[0]))[0]
            r = sp.sqrt(QQ.to_sympy(value))
            if not r.is_Rational:
                raise Unusable("the variance is no square")
            return DomainMatrix.eye(i.size(a[1].shape[0]), QQ).to_dense() * QQ.from_sympy(r)
        if covariance.op == "eye":
            return DomainMatrix.eye(i.size(covariance.shape[0]), QQ).to_dense()
        raise ProofError(f"give a root for the covariance {plain(covariance)}")

    return root


@dataclass(frozen=True)
class Point:
    """Where to evaluate: along which differential, to which order, at which noise."""

    order: int = 0
    along: Differential | None = None
    noise: Mapping[str, DomainMatrix] | None = None

    def moved(self, order: int, along: Differential) -> Point:
        return Point(order, along, self.noise)


class Instance:
    """One exact draw of every symbol of a setting.

    Parameters
    ----------
    setting : Setting
    sizes : mapping from dimension symbols to whole numbers
    rng : random.Random
    height : int
        The largest absolute value of a drawn entry.
    given : mapping, optional
        Values that are not drawn, by name.

    Raises
    ------
    Unusable
        When the draw violates an assumption.
    """

    def __init__(self, setting: Setting, sizes: Mapping[sp.Symbol, int], rng: random.Random,
                 height: int = 3, given: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        self.setting, self.sizes, self.rng, self.height = setting, dict(sizes), rng, height
        self._values: dict[tuple[int, int, int], tuple[Any, Expr, Differential | None]] = {}
        self._noisy: dict[int, tuple[bool, Expr]] = {}
        given = given or {}
        if any(c.subs(self.sizes) != True for c in setting.conditions):  # noqa: E712 - SymPy's true
            raise Unusable("the dimensions violate their conditions")
        self.scalars = {
            x: self._given_scalar(x, given[name]) if name in given else self._draw_scalar(x)
            for name, x in setting.scalar_symbols.items()
        }
        self.matrices: dict[str, DomainMatrix] = {}
        for letter in setting.letters.values():
            r, c = (self.size(x) for x in letter.shape)
            if letter.name in given:
                value = matrix(sp.Matrix(given[letter.name]).tolist())
            elif letter.sampler:
                value = letter.sampler(self).to_dense()
            else:
                value = self._draw_matrix(letter.kind, r, c)
            if value.shape != (r, c):
                raise Unusable(f"{letter.name} has another size")
            if (letter.name in given or letter.sampler) and not is_of_kind(value, letter.kind):
                raise Unusable(f"{letter.name} is not {_of(letter.kind)}")
            self.matrices[letter.name] = value
        for h in setting.hypotheses:
            if not same(self.evaluate(h.lhs), self.evaluate(h.rhs)):
                raise Unusable(f"the draw violates {h.name}")

    def _given_scalar(self, x: sp.Symbol, value: Any) -> Any:
        value = exact(value)
        if x.is_positive and value <= 0:
            raise Unusable(f"{x} is not positive")
        return value

    def _draw_scalar(self, x: sp.Symbol) -> Any:
        if not x.is_positive:
            return QQ(self.rng.randint(-2 * self.height, 2 * self.height), self.rng.randint(1, 3))
        if self.setting.noises:  # squares, so that variances have rational roots
            return QQ(self.rng.randint(1, 3), self.rng.randint(1, 2)) ** 2
        return QQ(self.rng.randint(1, 1 + self.height), self.rng.randint(1, self.height))

    def _draw_matrix(self, kind: str, r: int, c: int) -> DomainMatrix:
        x = draw(self, r, c)
        if kind == "symmetric":
            return x + x.transpose()
        if kind == "positive definite":
            return x * x.transpose() + DomainMatrix.eye(r, QQ).to_dense()
        if kind == "full column rank" and not (x.transpose() * x).to_dense().det():
            raise Unusable("no full column rank")
        return x

    def size(self, d: sp.Expr) -> int:
        if d in self.sizes:
            return self.sizes[d]
        value = d if d.is_Integer else d.subs(self.sizes)
        if not (value.is_Integer and value > 0):
            raise Unusable(f"the size {d} is {value}")
        return int(value)

    # -- evaluating -----------------------------------------------------------------------
    def evaluate(self, e: Expr, at: Point = Point()) -> Any:
        """Coefficients of the exact series of e: DomainMatrices, or a `Scalar`."""
        return self._matrix(e, at) if e.shape else self._scalar(e, at)

    def _constant(self, x: DomainMatrix, at: Point) -> list[DomainMatrix]:
        zero = DomainMatrix.zeros(x.shape, QQ).to_dense()
        return [x.to_dense()] + [zero] * at.order

    def _kept(self, evaluate: Callable[[Expr, Point], Any], e: Expr, at: Point) -> Any:
        """Evaluate once what comes again: definitions, inverses, and what is free of noise."""
        if at.noise:
            again = bool(e.args) and not self._is_noisy(e)
        else:
            again = e.op in ("define", "inverse")
        if not again:
            return evaluate(e, at)
        key = (id(e), at.order, id(at.along))
        if key not in self._values:  # with what has the ids, which are its own while it is kept
            self._values[key] = (evaluate(e, at), e, at.along)
        return self._values[key][0]

    def _is_noisy(self, e: Expr) -> bool:
        if id(e) not in self._noisy:
            drawn = e.op == "symbol" and e.value in self.setting.noises
            noisy = drawn or e.op in ("d", "expectation") or any(map(self._is_noisy, e.args))
            self._noisy[id(e)] = (noisy, e)
        return self._noisy[id(e)][0]

    def _matrix(self, e: Expr, at: Point) -> list[DomainMatrix]:
        return self._kept(self._matrix_anew, e, at)

    def _scalar(self, e: Expr, at: Point) -> Scalar:
        return self._kept(self._scalar_anew, e, at)

    def _matrix_anew(self, e: Expr, at: Point) -> list[DomainMatrix]:
        a = e.args
        match e.op:
            case "symbol":
                out = self._constant((at.noise or {}).get(e.value, self.matrices[e.value]), at)
                if at.order and at.along and e.value in at.along.table:
                    out[1] = self.evaluate(at.along.table[e.value])[0]
                return out
            case "eye":
                return self._constant(DomainMatrix.eye(self.size(e.shape[0]), QQ), at)
            case "zero":
                return self._constant(
                    DomainMatrix.zeros(tuple(map(self.size, e.shape)), QQ), at
                )  # fmt: skip
            case "define" | "group":
                return self._matrix(a[0], at)
            case "add":
                parts = [self._matrix(x, at) for x in a]
                return [sum(c[1:], c[0]) for c in zip(*parts, strict=True)]
            case "neg":
                return [-x for x in self._matrix(a[0], at)]
            case "transpose":
                return [x.transpose() for x in self._matrix(a[0], at)]
            case "inverse":
                return self._inverse(self._matrix(a[0], at))
            case "power":
                out = base = self._matrix(a[0], at)
                for _ in range(e.value - 1):
                    out = _convolve(out, base)
                return out
            case "div":
                factor = _reciprocal(self.rational(self._scalar(a[1], at)))
                return _convolve(self._matrix(a[0], at), factor)
            case "mul":
                factor, out = None, None
                for x in a:
                    if x.shape is None:
                        value = self.rational(self._scalar(x, at))
                        factor = value if factor is None else _convolve(factor, value)
                    else:
                        value = self._matrix(x, at)
                        out = value if out is None else _convolve(out, value)
                return out if factor is None else _convolve(out, factor)
            case "block":
                rows = [[self._matrix(x, at) for x in row] for row in block_rows(e)]
                return [
                    _stack([[cell[k] for cell in row] for row in rows])
                    for k in range(at.order + 1)
                ]
            case "d":
                return self._derivative(e, at)
        raise ProofError(f"{plain(e)} has no exact value as a matrix")

    def _inverse(self, m: list[DomainMatrix]) -> list[DomainMatrix]:
        """The series N with M N = I, coefficient by coefficient."""
        try:
            first = m[0].to_dense().inv()
        except DMNonInvertibleMatrixError:
            raise Unusable("singular") from None
        out = [first]
        for k in range(1, len(m)):
            rest = m[1] * out[k - 1]
            for j in range(2, k + 1):
                rest = rest + m[j] * out[k - j]
            out.append(-(first * rest))
        return out

    def _derivative(self, e: Expr, at: Point) -> Any:
        d = e.value
        if at.along is not None and at.along is not d and at.order:
            return self.evaluate(differentiate(e.args[0], d), at)
        value = self.evaluate(e.args[0], at.moved(at.order + 1, d))
        if isinstance(value, dict):
            return {key: _shift(series) for key, series in value.items()}
        return _shift(value)

    def _scalar_anew(self, e: Expr, at: Point) -> Scalar:
        a = e.args
        match e.op:
            case "number":
                return {1: self._number(e.value, at)}
            case "define" | "group":
                return self._scalar(a[0], at)
            case "scalar":
                return {1: [_entry(x, 0, 0) for x in self._matrix(a[0], at)]}
            case "add":
                out: Scalar = {}
                for x in a:
                    for key, series in self._scalar(x, at).items():
                        old = out.get(key, [QQ(0)] * len(series))
                        out[key] = [p + q for p, q in zip(old, series, strict=True)]
                return out
            case "neg":
                return {key: [-x for x in s] for key, s in self._scalar(a[0], at).items()}
            case "mul":
                out = {1: self._number(sp.Integer(1), at)}
                for x in a:
                    value = self._scalar(x, at)
                    if not _logs(out):
                        factor, value = self.rational(out), value
                    else:
                        factor, value = self.rational(value), out
                    out = {key: _convolve(s, factor) for key, s in value.items()}
                return out
            case "div":
                factor = _reciprocal(self.rational(self._scalar(a[1], at)))
                return {k: _convolve(s, factor) for k, s in self._scalar(a[0], at).items()}
            case "power":
                base = self.rational(self._scalar(a[0], at))
                base = base if e.value >= 0 else _reciprocal(base)
                out_series = self._number(sp.Integer(1), at)
                for _ in range(abs(e.value)):
                    out_series = _convolve(out_series, base)
                return {1: out_series}
            case "trace":
                value = self._matrix(a[0], at)
                n = value[0].shape[0]
                return {1: [sum((_entry(x, i, i) for i in range(n)), QQ(0)) for x in value]}
            case "det" | "logdet":
                series = _determinant(self._matrix(a[0], at))
                return {1: series} if e.op == "det" else _logarithm(series)
            case "log":
                return _logarithm(self.rational(self._scalar(a[0], at)))
            case "d":
                return self._derivative(e, at)
            case "expectation":
                return self._expectation(a[0], at)
        raise ProofError(f"{plain(e)} has no exact value")

    def _number(self, x: sp.Expr, at: Point) -> list[Any]:
        values = {s: QQ.to_sympy(v) for s, v in self.scalars.items()} | self.sizes
        along = at.along.table if at.along and at.order else {}
        moving = [s for s in x.free_symbols if s in along]
        if not moving:
            value = x.subs(values)
            if not value.is_Rational:
                raise Unusable(f"{x} is not rational here")
            return [QQ.from_sympy(value)] + [QQ(0)] * at.order
        t = sp.Dummy("t")
        step = {s: s + t * along[s].value for s in moving}
        moved, out = x.subs(step, simultaneous=True), []
        for k in range(at.order + 1):
            coefficient = sp.diff(moved, t, k).subs(t, 0).subs(values) / sp.factorial(k)
            out.append(QQ.from_sympy(sp.sympify(coefficient)))
        return out

    def rational(self, x: Scalar) -> list[Any]:
        """The series of a value that must not contain logarithms."""
        if _logs(x):
            raise ProofError("a logarithm stands where a rational number is needed")
        return x[1]

    def _expectation(self, e: Expr, at: Point) -> Scalar:
        if at.order:
            raise ProofError("there is no rule for the differential of an expectation")
        used = {x.value for x in e.walk() if x.op == "symbol"} & set(self.setting.noises)
        degree = _degree(e, used)
        if degree > 5:
            raise ProofError("exact expectations are built in up to the fifth moment")
        roots = {name: self.setting.noises[name].root(self) for name in sorted(used)}
        widths = [root.shape[1] for root in roots.values()]
        points = gaussian_points(sum(widths), degree)
        if len(points) > MOST_POINTS:
            raise TooLarge("too many points")
        for name, root in roots.items():
            covariance = self.evaluate(self.setting.noises[name].covariance)[0]
            if root * root.transpose() != covariance:
                raise ProofError(f"the root given for {name} is not a root of its covariance")
        total: Scalar = {}
        for weight, point in points:
            noise, start = {}, 0
            for (name, root), width in zip(roots.items(), widths, strict=True):
                z = matrix([[x] for x in point[start : start + width]])
                noise[name], start = root * z, start + width
            value = self._scalar(e, Point(at.order, at.along, noise))
            for key, series in value.items():
                old = total.get(key, [QQ(0)] * len(series))
                total[key] = [p + weight * q for p, q in zip(old, series, strict=True)]
        return total


def gaussian_points(n: int, degree: int) -> list[tuple[Any, list[int]]]:
    """Weights, some of them negative, and points with the moments of N(0, I_n) up to ``degree``.

    For the third degree the points are 0 and +-e_i; for the fifth also +-2 e_i and +-e_i +-e_j: the
    weights solve E x_i^2 = 1, E x_i^4 = 3, E x_i^2 x_j^2 = 1, and odd moments vanish by symmetry.
    """

    def axis(scale: int) -> list[list[int]]:
        return [[sign * scale * (i == j) for j in range(n)] for i in range(n) for sign in (1, -1)]

    if degree <= 1:
        return [(QQ(1), [0] * n)]
    if degree <= 3:
        return [(QQ(1 - n), [0] * n), *((QQ(1, 2), x) for x in axis(1))]
    out = [(QQ(2 - n, 2) - QQ(1, 3), x) for x in axis(1)] + [(QQ(1, 12), x) for x in axis(2)]
    for i, j in itertools.combinations(range(n), 2):
        for a, b in itertools.product((1, -1), repeat=2):
            out.append((QQ(1, 4), [a * (k == i) + b * (k == j) for k in range(n)]))
    return [(QQ(1) - sum((w for w, _ in out), QQ(0)), [0] * n), *out]


# -- exact power series ----------------------------------------------------------------------
def _convolve(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    out = []
    for k in range(len(a)):
        total = a[0] * b[k]
        for j in range(1, k + 1):
            total = total + a[j] * b[k - j]
        out.append(total)
    return out


def _reciprocal(a: Sequence[Any]) -> list[Any]:
    if not a[0]:
        raise Unusable("division by zero")
    out = [1 / a[0]]
    for k in range(1, len(a)):
        out.append(-sum((a[j] * out[k - j] for j in range(1, k + 1)), QQ(0)) / a[0])
    return out


def _shift(a: Sequence[Any]) -> list[Any]:
    """The series of the derivative."""
    return [x * QQ(k) for k, x in enumerate(a) if k]


def _logarithm(a: Sequence[Any]) -> Scalar:
    """log|a| as a series; the logarithm of its first term by prime factors."""
    if not a[0]:
        raise Unusable("logarithm of zero")
    quotient = _convolve(_shift(a), _reciprocal(a)[: len(a) - 1]) if len(a) > 1 else []
    out: Scalar = {1: [QQ(0)] + [x / QQ(k + 1) for k, x in enumerate(quotient)]}
    for prime, power in sp.factorrat(abs(QQ.to_sympy(a[0]))).items():
        if prime != 1:
            out[int(prime)] = [QQ(int(power))] + [QQ(0)] * (len(a) - 1)
    return out


def _determinant(m: list[DomainMatrix]) -> list[Any]:
    """The determinant of a matrix of series, over the polynomials in the step."""
    order = len(m) - 1
    if order == 0:
        return [m[0].to_dense().det()]
    t = sp.Symbol("t")
    ring = QQ[t]
    step = ring.from_sympy(t)
    n = m[0].shape[0]
    rows = [
        [sum((ring.convert(_entry(c, i, j)) * step**k for k, c in enumerate(m)), ring.zero)
         for j in range(n)]
        for i in range(n)
    ]  # fmt: skip
    value = DomainMatrix(rows, (n, n), ring).to_field().det()
    poly = sp.Poly(value.as_expr() if hasattr(value, "as_expr") else value, t, domain=QQ)
    return [QQ.from_sympy(poly.coeff_monomial(t**k)) for k in range(order + 1)]


def _entry(x: DomainMatrix, i: int, j: int) -> Any:
    return x.to_dense().rep.to_ddm()[i][j] if hasattr(x.rep, "to_ddm") else x.to_list()[i][j]


def _stack(cells: list[list[DomainMatrix]]) -> DomainMatrix:
    rows = [row[0].hstack(*row[1:]) if len(row) > 1 else row[0] for row in cells]
    return rows[0].vstack(*rows[1:]) if len(rows) > 1 else rows[0]


def _logs(x: Scalar) -> bool:
    return any(key != 1 and any(series) for key, series in x.items())


def _degree(e: Expr, noises: set[str]) -> int:
    if e.op == "symbol":
        return int(e.value in noises)
    below = [_degree(a, noises) for a in e.args]
    if e.op == "mul":
        return sum(below)
    if e.op == "power":
        return e.value * below[0]
    denominator = below[1:] if e.op == "div" else below if e.op == "power" and e.value < 0 else ()
    if (e.op in ("inverse", "logdet", "log", "det") and any(below)) or any(denominator):
        raise ProofError("expectations of inverses, determinants and logarithms are not exact")
    return max(below, default=0)


def same(x: Any, y: Any) -> bool:
    """Whether two values without a step are equal."""
    if isinstance(x, dict):
        keys = set(x) | set(y)
        return all(x.get(k, [QQ(0)])[0] == y.get(k, [QQ(0)])[0] for k in keys)
    return x[0].to_dense() == y[0].to_dense()


# -- searching -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Counterexample:
    """Exact values that satisfy every assumption and at which the two sides differ."""

    sizes: dict[str, int]
    scalars: dict[str, sp.Rational]
    matrices: dict[str, sp.Matrix]
    left: Any
    right: Any

    @classmethod
    def of(cls, instance: Instance, used: set[str], left: Any, right: Any) -> Counterexample:
        return cls(
            {str(d): n for d, n in instance.sizes.items() if str(d) in used},
            {str(s): QQ.to_sympy(v) for s, v in instance.scalars.items() if str(s) in used},
            {n: m.to_Matrix() for n, m in instance.matrices.items() if n in used},
            to_sympy(left),
            to_sympy(right),
        )

    @property
    def height(self) -> tuple:
        """How large the example is: sizes first, then the absolute values of the entries."""
        numbers = [*self.scalars.values(), *(x for m in self.matrices.values() for x in m)]
        return sum(self.sizes.values()), sum(abs(x.p) + abs(x.q) - 1 for x in numbers)

    def __str__(self) -> str:
        lines = [", ".join(f"{k} = {v}" for k, v in (self.sizes | self.scalars).items())]
        lines += [f"{k} = {m.tolist()}" for k, m in self.matrices.items()]
        lines += [f"left side  = {_show(self.left)}", f"right side = {_show(self.right)}"]
        return "\n".join(x for x in lines if x)

    def latex(self) -> tuple[str, str]:
        """The values of the symbols, and those of the two sides."""
        values = [f"{tex_name(k)} = {v}" for k, v in self.sizes.items()]
        for k, v in (self.scalars | self.matrices).items():
            values.append(f"{tex_name(k)} = {sympy_latex(v)}")
        sides = rf"{sympy_latex(self.left)} \neq {sympy_latex(self.right)}"
        return r",\quad ".join(values), sides


def _show(x: Any) -> str:
    return str(x.tolist()) if isinstance(x, sp.MatrixBase) else str(x)


def to_sympy(x: Any) -> Any:
    """An evaluated side as a SymPy matrix or number."""
    if isinstance(x, dict):
        return sp.Add(
            *[QQ.to_sympy(s[0]) * (1 if key == 1 else sp.log(key)) for key, s in x.items()]
        )
    return x[0].to_Matrix()


def used_names(setting: Setting, *expressions: Expr) -> set[str]:
    """The symbols, scalars and dimensions whose values decide those of the expressions.

    Under an expectation that is the covariance of a Gaussian vector, not the vector.
    """
    out: set[str] = set()
    pending = list(expressions)
    while pending:
        node = pending.pop()
        pending += node.args
        if node.op == "symbol":
            out.add(node.value)
        if node.op == "number":
            out |= {s.name for s in node.value.free_symbols}
        if node.op == "d":
            pending += node.value.table.values()
        if node.op == "expectation":
            inside = used_names(setting, *(pending.pop() for _ in node.args))
            drawn = inside & set(setting.noises)
            out |= inside - drawn
            pending += [setting.noises[name].covariance for name in drawn]
        for size in node.shape or ():
            out |= {s.name for s in size.free_symbols}
    return out


def sizes_to_try(setting: Setting, largest: int = 5) -> Iterator[dict[sp.Symbol, int]]:
    """All assignments of the dimensions up to ``largest``, the most telling first.

    Telling sizes differ from each other (a transpose shows), none is 1 and one is at least 3 (with
    k = 2 everywhere, k - 1 passes for 1).
    """
    derived = frozenset(x for letter in setting.letters.values() for x in letter.shape)
    conditions = tuple(setting.conditions)
    yield from map(dict, _telling_sizes(setting.dimensions, derived, conditions, largest))


@cache
def _telling_sizes(dims: tuple[sp.Symbol, ...], derived: frozenset[sp.Expr],
                   conditions: tuple[sp.Basic, ...], largest: int
                   ) -> list[dict[sp.Symbol, int]]:  # fmt: skip
    def score(sizes: dict[sp.Symbol, int]) -> tuple:
        values = list(sizes.values())
        values += [int(d.subs(sizes)) for d in derived if d not in sizes and not d.is_Integer]
        alike = len(values) - len(set(values))
        return (alike + values.count(1) + (max(values) < 3), sum(values))

    every = [
        dict(zip(dims, v, strict=True))
        for v in itertools.product(range(1, largest + 1), repeat=len(dims))
    ]
    allowed = [s for s in every if all(c.subs(s) == True for c in conditions)]  # noqa: E712
    return sorted(allowed, key=score)


def has_sign(e: Expr) -> bool:
    """Whether the parity of a dimension may matter: a determinant, or c^n."""
    for x in e.walk():
        powers = x.value.atoms(sp.Pow) if x.op == "number" else ()
        if x.op == "det" or any(p.exp.free_symbols for p in powers):
            return True
    return False


def search(setting: Setting, lhs: Expr, rhs: Expr, shapes: int = 3, per_shape: int = 2,
           shrink: bool = True) -> tuple[Counterexample | None, int]:  # fmt: skip
    """Look for a counterexample of lhs = rhs on telling instances; ``shrink`` makes it small.

    Returns
    -------
    counterexample : Counterexample or None
    instances : int
        How many instances were tested.

    Raises
    ------
    UntestedError
        When no instance satisfies the assumptions: a claim that was not tested does not pass.
    """
    lhs, rhs = match_shapes(lhs, rhs)
    tested, good_shapes, hopeless = 0, 0, 0
    every = list(sizes_to_try(setting))
    if has_sign(lhs) or has_sign(rhs):  # (-1)^n shows for odd n only
        odd = [s for s in every if all(n % 2 for n in s.values())]
        every = odd[:1] + [s for s in every if s not in odd[:1]]
    for sizes in every:
        done = 0
        for attempt in range(30):
            rng = random.Random(f"{sorted((str(d), n) for d, n in sizes.items())} {attempt}")
            try:
                instance = Instance(setting, sizes, rng)
                left, right = instance.evaluate(lhs), instance.evaluate(rhs)
            except TooLarge:
                break
            except Unusable:
                continue
            tested, done = tested + 1, done + 1
            if not same(left, right):
                found = Counterexample.of(instance, used_names(setting, lhs, rhs), left, right)
                return (smallest(setting, lhs, rhs) if shrink else None) or found, tested
            if done == per_shape:
                break
        else:
            hopeless += not done
            if not tested and hopeless == 15:
                break
        good_shapes += done > 0
        if good_shapes == shapes:
            return None, tested
    if not tested:
        raise UntestedError(
            f"no exact instance satisfies the assumptions, so {plain(lhs)} = {plain(rhs)} was "
            "not tested: check the assumptions and the samplers of the setting"
        )
    return None, tested


def smallest(setting: Setting, lhs: Expr, rhs: Expr,
             given: Sequence[tuple[Expr, Expr]] = (), largest: int = 3
             ) -> Counterexample | None:  # fmt: skip
    """The smallest counterexample found, in which the equations ``given`` hold.

    Sizes are tried from the smallest on; at the first sizes with a counterexample the one with the
    smallest entries among the draws is kept.
    """
    used = used_names(setting, lhs, rhs, *(x for pair in given for x in pair))
    every = sorted(sizes_to_try(setting, largest), key=lambda s: (sum(s.values()), *s.values()))
    for sizes in every:
        found = []
        for height in (1, 2, 3):
            for attempt in range(1000 if given else 60):  # equations are rarely met by chance
                rng = random.Random(f"{height} {attempt}")
                try:
                    instance = Instance(setting, sizes, rng, height)
                    if not all(same(instance.evaluate(a), instance.evaluate(b)) for a, b in given):
                        continue
                    left, right = instance.evaluate(lhs), instance.evaluate(rhs)
                except Unusable:
                    continue
                if not same(left, right):
                    found.append(Counterexample.of(instance, used, left, right))
            if found:
                return min(found, key=lambda c: c.height)
    return None
