"""The setting of a derivation: its dimensions, its symbols and what is assumed of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy as sp

from .errors import ProofError, ShapeError, UnknownSymbolError
from .expressions import Dimension, Expr, as_scalar, eye, is_bare_zero, lift, plain, tex_name, zero

if TYPE_CHECKING:
    from sympy.polys.matrices import DomainMatrix

    from .derivation import Derivation, Refutation, Result
    from .instances import Instance

Sampler = Callable[["Instance"], "DomainMatrix"]

KINDS = ("any", "symmetric", "positive definite", "full column rank")


@dataclass(frozen=True)
class Letter:
    """A declared matrix symbol: its size, what is known of it, how exact instances are drawn."""

    name: str
    shape: tuple[Dimension, Dimension]
    kind: str = "any"
    sampler: Sampler | None = None

    @property
    def symmetric(self) -> bool:
        return self.kind in ("symmetric", "positive definite")


@dataclass(frozen=True)
class Hypothesis:
    """An assumed equation between matrices."""

    lhs: Expr
    rhs: Expr
    name: str


@dataclass(frozen=True)
class Noise:
    """A Gaussian vector with mean zero; ``root`` draws a matrix R with R R' = covariance."""

    covariance: Expr
    root: Sampler


@dataclass(frozen=True)
class Differential:
    """A derivation d: what it does to the symbols; everything else is constant.

    Call it on an expression to write d(expression).
    """

    name: str
    tex: str
    table: Mapping[Any, Expr]

    def __call__(self, x: Any) -> Expr:
        x = lift(x)
        return Expr("d", (x,), x.shape, value=self)

    def __str__(self) -> str:
        moving = ", ".join(sorted(str(k) for k in self.table))
        return f"{self.name}({moving})"


@dataclass
class Setting:
    """Dimensions, symbols and assumptions shared by the derivations of one subject.

    Parameters
    ----------
    names : str
        The dimensions, separated by blanks: ``"n k p"``. They stand for all positive whole numbers.
    where : str, optional
        What is assumed of the dimensions, for example ``"n > p"``.

    Examples
    --------
    >>> s = Setting("n p", where="n > p")
    >>> V = s.positive_definite("V: n")
    >>> X = s.full_rank("X: n,p")
    >>> s.prove((X.T * V.I * X).T, X.T * V.I * X).status
    'proved'
    """

    names: str
    where: str = ""
    dims: dict[str, sp.Symbol] = field(init=False)
    letters: dict[str, Letter] = field(init=False, default_factory=dict)
    hypotheses: list[Hypothesis] = field(init=False, default_factory=list)
    noises: dict[str, Noise] = field(init=False, default_factory=dict)
    scalar_symbols: dict[str, sp.Symbol] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.dims = {x: sp.Symbol(x, integer=True, positive=True) for x in self.names.split()}
        if not self.dims:
            raise ProofError("a setting needs at least one dimension, as in Setting('n p')")
        conditions = (c for c in self.where.split(",") if c.strip())
        self.conditions = [sp.sympify(c, locals=dict(self.dims)) for c in conditions]

    @property
    def dimensions(self) -> tuple[sp.Symbol, ...]:
        """The dimensions as SymPy symbols, in the order of declaration."""
        return tuple(self.dims.values())

    # -- declaring symbols ----------------------------------------------------------------
    def _declare(self, text: str, kind: str, sampler: Sampler | None = None) -> Any:
        out = []
        for part in filter(str.strip, text.split(";")):
            name, colon, size = part.partition(":")
            name = name.strip()
            if not colon or not name.isidentifier():
                raise ProofError(f"cannot read '{part.strip()}': write a name and a size, 'X: n,p'")
            if name in self.letters or name in self.dims or name in self.scalar_symbols:
                raise ProofError(f"{name} is declared already")
            sides = [self.dimension(x) for x in size.split(",")]
            shape = (sides[0], sides[-1])
            if kind in ("symmetric", "positive definite") and shape[0] != shape[1]:
                raise ShapeError(f"{name} is {shape[0]} x {shape[1]}: a {kind} matrix is square")
            self.letters[name] = Letter(name, shape, kind, sampler)
            out.append(Expr("symbol", shape=shape, value=name, tex=tex_name(name)))
        return out[0] if len(out) == 1 else tuple(out)

    def dimension(self, text: str) -> Dimension:
        """Read a size such as ``n``, ``n-p`` or ``3``."""
        try:
            size = sp.expand(sp.sympify(text.strip(), locals=dict(self.dims)))
        except (sp.SympifyError, TypeError) as error:
            raise ProofError(f"cannot read the size '{text}'") from error
        unknown = size.free_symbols - set(self.dims.values())
        if unknown:
            raise UnknownSymbolError(
                f"the size '{text.strip()}' uses {', '.join(map(str, unknown))}, which is not a "
                f"dimension of this setting ({', '.join(self.dims)})"
            )
        return size

    def matrices(self, text: str, sampler: Sampler | None = None) -> Any:
        """Matrices of which nothing is assumed: ``"A: n,n; U: n,k"`` (one size means square)."""
        return self._declare(text, "any", sampler)

    def vectors(self, text: str, sampler: Sampler | None = None) -> Any:
        """Column vectors: ``"y: n; b: p"``."""
        columns = ";".join(f"{part},1" for part in text.split(";") if part.strip())
        return self._declare(columns, "any", sampler)

    def symmetric(self, text: str, sampler: Sampler | None = None) -> Any:
        """Symmetric matrices: ``"S: n"``."""
        return self._declare(text, "symmetric", sampler)

    def positive_definite(self, text: str) -> Any:
        """Symmetric positive definite matrices: ``"V: n"``."""
        return self._declare(text, "positive definite")

    def full_rank(self, text: str) -> Any:
        """Matrices with linearly independent columns: ``"X: n,p"``."""
        return self._declare(text, "full column rank")

    def scalars(self, names: str) -> Any:
        """Positive numbers: ``"sigma2 tau2"``."""
        out = []
        for name in names.split():
            if name in self.letters or name in self.dims:
                raise ProofError(f"{name} is declared already")
            self.scalar_symbols[name] = sp.Symbol(name, positive=True)
            out.append(lift(self.scalar_symbols[name]))
        return out[0] if len(out) == 1 else tuple(out)

    # -- assuming -------------------------------------------------------------------------
    def assume(self, lhs: Expr, rhs: Any, name: str | None = None) -> None:
        """Assume the equation lhs = rhs (0 stands for the zero matrix)."""
        rhs = zero(*lhs.shape) if is_bare_zero(lift(rhs)) else rhs
        if lhs.shape != rhs.shape:
            raise ShapeError(f"cannot assume {plain(lhs)} = {plain(rhs)}: the sizes differ")
        self.hypotheses.append(Hypothesis(lhs, rhs, name or f"{plain(lhs)} = {plain(rhs)}"))

    def error_contrasts(self, name: str, X: Expr) -> Expr:
        """A matrix A: n,n-p with A'X = 0 whose columns, with those of X, form a basis of R^n."""
        from .instances import sample_contrasts

        n, p = X.shape
        A = self.matrices(f"{name}: {n},{n - p}", sampler=lambda i: sample_contrasts(i, X.value))
        self.assume(A.T * X, 0)
        self.assume(
            A * (A.T * A).I * A.T + X * (X.T * X).I * X.T,
            eye(n),
            f"the columns of [{name}, {plain(X)}] form a basis",
        )
        return A

    def gaussian(self, e: Expr, covariance: Expr, root: Sampler | None = None) -> None:
        """Let the vector e be Gaussian with mean 0 and the given covariance.

        ``root`` draws an exact root for the instances. It may be left out for a covariance written
        as ``K * K.T`` or ``scalar * eye(n)``.
        """
        from .instances import default_root

        self.noises[e.value] = Noise(covariance, root or default_root(covariance))

    # -- differentiating ------------------------------------------------------------------
    def differential(self, *symbols: Expr) -> Differential:
        """The differential d, which moves the given symbols and no others."""
        table: dict[Any, Expr] = {}
        for x in symbols:
            if x.op == "number":
                name = f"d{x.value}"
                self.scalar_symbols[name] = sp.Symbol(name, positive=True)
                table[x.value] = lift(self.scalar_symbols[name])
            else:
                table[x.value] = self._direction(x, f"d{x.value}", r"\mathrm{d}" + str(x.tex))
        return Differential("d", r"\mathrm{d}", table)

    def partial(self, parameter: Expr | str, *moving: Expr) -> Differential:
        """The partial derivative in a scalar.

        ``parameter`` is a scalar of the setting, or the name of one on which the symbols ``moving``
        depend in a way that is left open (V is then a function of theta).
        """
        table: dict[Any, Expr] = {}
        if isinstance(parameter, Expr):
            table[parameter.value] = lift(1)
            parameter = str(parameter.value)
        tex = tex_name(parameter)
        for x in moving:
            letter = rf"\frac{{\partial {x.tex}}}{{\partial {tex}}}"
            table[x.value] = self._direction(x, f"d{x.value}_d{parameter}", letter)
        return Differential(f"d/d{parameter} ", rf"\frac{{\partial}}{{\partial {tex}}}", table)

    def _direction(self, x: Expr, name: str, tex: str) -> Expr:
        if name not in self.letters:
            kind = "symmetric" if self.letters[x.value].symmetric else "any"
            self.letters[name] = Letter(name, x.shape, kind)
        return Expr("symbol", shape=x.shape, value=name, tex=tex)

    # -- checking -------------------------------------------------------------------------
    def check_symbols(self, x: Expr) -> None:
        """Raise `UnknownSymbolError` when x uses what this setting has not declared."""
        for node in x.walk():
            if node.op == "symbol" and (
                node.value not in self.letters or self.letters[node.value].shape != node.shape
            ):
                raise UnknownSymbolError(
                    f"{node.value} is not a symbol of this setting (it has "
                    f"{', '.join(self.letters) or 'no matrices'})"
                )
            if node.op == "number":
                known = {*self.dims.values(), *self.scalar_symbols.values()}
                for name in sorted(map(str, node.value.free_symbols - known)):
                    raise UnknownSymbolError(f"{name} is not a scalar or dimension of this setting")

    def derive(self, start: Any) -> Derivation:
        """Begin a derivation: a chain of equalities, each line checked as it is written."""
        from .derivation import Derivation

        return Derivation(self, lift(start))

    def prove(self, lhs: Any, rhs: Any, reason: str = "", **options: Any) -> Result:
        """Prove lhs = rhs in one step."""
        return self.derive(lhs).step(rhs, reason, **options).result()

    def refute(self, lhs: Any, rhs: Any, **options: Any) -> Refutation:
        """Show that lhs = rhs is false, by the smallest exact counterexample found."""
        from .derivation import Refutation

        return Refutation.search(self, lift(lhs), lift(rhs), **options)


def match_shapes(lhs: Any, rhs: Any) -> tuple[Expr, Expr]:
    """Both sides of a claim, a 1 x 1 matrix read as a number where the other side is one."""
    lhs, rhs = lift(lhs), lift(rhs)
    if lhs.shape != rhs.shape:
        if is_bare_zero(rhs) and lhs.shape:
            return lhs, zero(*lhs.shape)
        if is_bare_zero(lhs) and rhs.shape:
            return zero(*rhs.shape), rhs
        if {lhs.shape, rhs.shape} <= {None, (1, 1)}:
            return as_scalar(lhs), as_scalar(rhs)
        raise ShapeError(
            f"{plain(lhs)} = {plain(rhs)}: the left side is {lhs.shape}, the right side {rhs.shape}"
        )
    return lhs, rhs
