"""Exact values of expressions, for given values of their symbols.

This road shares nothing with the prover: no rewriting, no rule for derivatives (a differential is
a coefficient of an exact power series in the step), no Wick (an expectation is a weighted sum
over rational points that has the moments of the Gaussian).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from matrixproof.judges import series
from matrixproof.judges.exact import QQ, TooLarge, Unusable, identity, matrix
from matrixproof.judges.gaussian import HIGHEST, degree_in, gaussian_points
from matrixproof.judges.samplers import default_root
from matrixproof.judges.series import Scalar, convolve
from matrixproof.language.declarations import Declarations
from matrixproof.language.differential import Differential, differentiate
from matrixproof.language.errors import ProofError
from matrixproof.language.expressions import Expr
from matrixproof.language.printing import plain

MOST_POINTS = 90


@dataclass(frozen=True)
class Point:
    """Where to evaluate: along which differential, to which order, at which noise."""

    order: int = 0
    along: Differential | None = None
    noise: Mapping[str, DomainMatrix] | None = None

    def moved(self, order: int, along: Differential) -> Point:
        return Point(order, along, self.noise)


HERE = Point()


class Evaluation:
    """Values of the symbols of a setting, and those of expressions in them.

    Parameters
    ----------
    setting : Declarations
    sizes : mapping from dimension symbols to whole numbers
    most_points : int
        Over how many points an expectation is taken at most.
    """

    def __init__(self, setting: Declarations, sizes: Mapping[sp.Symbol, int],
                 most_points: int = MOST_POINTS) -> None:  # fmt: skip
        self.setting, self.sizes, self.most_points = setting, dict(sizes), most_points
        self.scalars: dict[sp.Symbol, Any] = {}
        self.matrices: dict[str, DomainMatrix] = {}
        self._values: dict[tuple[int, int, int], tuple[Any, Expr, Differential | None]] = {}
        self._noisy: dict[int, tuple[bool, Expr]] = {}

    def size(self, d: sp.Expr) -> int:
        """A number of rows or columns.

        Raises
        ------
        Unusable
            When it is none at these sizes.
        """
        if d in self.sizes:
            return self.sizes[d]
        value = d if d.is_Integer else d.subs(self.sizes)
        if not (value.is_Integer and value > 0):
            raise Unusable(f"the size {d} is {value}")
        return int(value)

    def evaluate(self, e: Expr, at: Point = HERE) -> Any:
        """Coefficients of the exact series of e: DomainMatrices, or a `Scalar`.

        What comes again is evaluated once: definitions, inverses, and what is free of noise.

        Raises
        ------
        ProofError
            When e has no exact value.
        Unusable, TooLarge
            When it has none here.
        """
        if at.noise:
            again = bool(e.args) and not self._is_noisy(e)
        else:
            again = e.op in ("define", "inverse")
        if not again:
            return self._anew(e, at)
        key = (id(e), at.order, id(at.along))
        if key not in self._values:  # with what has the ids, which are its own while it is kept
            self._values[key] = (self._anew(e, at), e, at.along)
        return self._values[key][0]

    def rational(self, x: Scalar) -> list[Any]:
        """The series of a value that must not contain logarithms."""
        if series.has_logs(x):
            raise ProofError("a logarithm stands where a rational number is needed")
        return x[1]

    def _is_noisy(self, e: Expr) -> bool:
        if id(e) not in self._noisy:
            drawn = e.op == "symbol" and e.value in self.setting.noises
            noisy = drawn or e.op in ("d", "expectation") or any(map(self._is_noisy, e.args))
            self._noisy[id(e)] = (noisy, e)
        return self._noisy[id(e)][0]

    def _anew(self, e: Expr, at: Point) -> Any:
        table = self._MATRICES if e.shape else self._SCALARS
        if e.op not in table:
            raise ProofError(f"{plain(e)} has no exact value" + " as a matrix" * bool(e.shape))
        return table[e.op](self, e, at)

    def _of_part(self, e: Expr, at: Point) -> Any:
        return self.evaluate(e.args[0], at)

    def _factor(self, e: Expr, at: Point) -> list[Any]:
        return self.rational(self.evaluate(e, at))

    def _derivative(self, e: Expr, at: Point) -> Any:
        d = e.value
        if at.along is not None and at.along is not d and at.order:
            return self.evaluate(differentiate(e.args[0], d), at)
        value = self.evaluate(e.args[0], at.moved(at.order + 1, d))
        if isinstance(value, dict):
            return {key: series.shift(s) for key, s in value.items()}
        return series.shift(value)

    # -- matrices -------------------------------------------------------------------------
    def _constant(self, x: DomainMatrix, at: Point) -> list[DomainMatrix]:
        nothing = DomainMatrix.zeros(x.shape, QQ).to_dense()
        return [x.to_dense()] + [nothing] * at.order

    def _symbol(self, e: Expr, at: Point) -> list[DomainMatrix]:
        out = self._constant((at.noise or {}).get(e.value, self.matrices[e.value]), at)
        if at.order and at.along and e.value in at.along.table:
            out[1] = self.evaluate(at.along.table[e.value])[0]
        return out

    def _zero(self, e: Expr, at: Point) -> list[DomainMatrix]:
        return self._constant(DomainMatrix.zeros(tuple(map(self.size, e.shape)), QQ), at)

    def _matrix_sum(self, e: Expr, at: Point) -> list[DomainMatrix]:
        parts = [self.evaluate(x, at) for x in e.args]
        return [sum(c[1:], c[0]) for c in zip(*parts, strict=True)]

    def _matrix_power(self, e: Expr, at: Point) -> list[DomainMatrix]:
        return reduce(convolve, [self.evaluate(e.args[0], at)] * e.value)

    def _matrix_product(self, e: Expr, at: Point) -> list[DomainMatrix]:
        numbers, matrices = [], []
        for x in e.args:
            if x.shape is None:
                numbers.append(self._factor(x, at))
            else:
                matrices.append(self.evaluate(x, at))
        out = reduce(convolve, matrices)
        return convolve(out, reduce(convolve, numbers)) if numbers else out

    def _matrix_quotient(self, e: Expr, at: Point) -> list[DomainMatrix]:
        over, below = e.args
        factor = series.reciprocal(self._factor(below, at))
        return convolve(self.evaluate(over, at), factor)

    def _block(self, e: Expr, at: Point) -> list[DomainMatrix]:
        rows = [[self.evaluate(x, at) for x in row] for row in e.block_rows()]
        return [
            series.stack([[cell[k] for cell in row] for row in rows]) for k in range(at.order + 1)
        ]

    _MATRICES: ClassVar[dict[str, Callable[[Evaluation, Expr, Point], Any]]] = {
        "symbol": _symbol,
        "eye": lambda self, e, at: self._constant(identity(self.size(e.shape[0])), at),
        "zero": _zero,
        "define": _of_part,
        "group": _of_part,
        "add": _matrix_sum,
        "neg": lambda self, e, at: [-x for x in self.evaluate(e.args[0], at)],
        "transpose": lambda self, e, at: [x.transpose() for x in self.evaluate(e.args[0], at)],
        "inverse": lambda self, e, at: series.inverse(self.evaluate(e.args[0], at)),
        "power": _matrix_power,
        "div": _matrix_quotient,
        "mul": _matrix_product,
        "block": _block,
        "d": _derivative,
    }

    # -- scalars --------------------------------------------------------------------------
    def _number(self, e: Expr, at: Point) -> Scalar:
        return {1: self._number_series(e.value, at)}

    def _number_series(self, x: sp.Expr, at: Point) -> list[Any]:
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

    def _sum(self, e: Expr, at: Point) -> Scalar:
        out: Scalar = {}
        for x in e.args:
            series.add_to(out, self.evaluate(x, at))
        return out

    def _product(self, e: Expr, at: Point) -> Scalar:
        out: Scalar = {1: self._one(at)}
        for x in e.args:
            value = self.evaluate(x, at)
            if series.has_logs(out):  # one factor may have logarithms, wherever it stands
                out, value = value, out
            out = series.times(value, self.rational(out))
        return out

    def _one(self, at: Point) -> list[Any]:
        return [QQ(1)] + [QQ(0)] * at.order

    def _quotient(self, e: Expr, at: Point) -> Scalar:
        over, below = e.args
        factor = series.reciprocal(self._factor(below, at))
        return series.times(self.evaluate(over, at), factor)

    def _power(self, e: Expr, at: Point) -> Scalar:
        base = self._factor(e.args[0], at)
        base = base if e.value >= 0 else series.reciprocal(base)
        return {1: reduce(convolve, [base] * abs(e.value), self._one(at))}

    def _expectation(self, e: Expr, at: Point) -> Scalar:
        inner, noises = e.args[0], self.setting.noises
        if at.order:
            raise ProofError("there is no rule for the differential of an expectation")
        used = sorted({x.value for x in inner.walk() if x.op == "symbol"} & set(noises))
        degree = degree_in(inner, set(used))
        if degree > HIGHEST:
            raise ProofError("exact expectations are built in up to the fifth moment")
        roots = {name: self._root(name) for name in used}
        widths = [root.shape[1] for root in roots.values()]
        points = gaussian_points(sum(widths), degree)
        if len(points) > self.most_points:
            raise TooLarge("too many points")
        for name, root in roots.items():
            if root * root.transpose() != self.evaluate(noises[name].covariance)[0]:
                raise ProofError(f"the root given for {name} is not a root of its covariance")
        total: Scalar = {}
        for weight, point in points:
            noise, start = {}, 0
            for (name, root), width in zip(roots.items(), widths, strict=True):
                z = matrix([[x] for x in point[start : start + width]])
                noise[name], start = root * z, start + width
            series.add_to(total, self.evaluate(inner, Point(at.order, at.along, noise)), weight)
        return total

    def _root(self, name: str) -> DomainMatrix:
        noise = self.setting.noises[name]
        return noise.root(self) if noise.root else default_root(self, noise.covariance)

    _SCALARS: ClassVar[dict[str, Callable[[Evaluation, Expr, Point], Any]]] = {
        "number": _number,
        "define": _of_part,
        "group": _of_part,
        "scalar": lambda self, e, at: {1: series.trace(self.evaluate(e.args[0], at))},
        "add": _sum,
        "neg": lambda self, e, at: {
            key: [-x for x in s] for key, s in self.evaluate(e.args[0], at).items()
        },
        "mul": _product,
        "div": _quotient,
        "power": _power,
        "trace": lambda self, e, at: {1: series.trace(self.evaluate(e.args[0], at))},
        "det": lambda self, e, at: {1: series.determinant(self.evaluate(e.args[0], at))},
        "logdet": lambda self, e, at: series.logarithm(
            series.determinant(self.evaluate(e.args[0], at))
        ),
        "log": lambda self, e, at: series.logarithm(self._factor(e.args[0], at)),
        "d": _derivative,
        "expectation": _expectation,
    }
