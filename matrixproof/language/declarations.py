"""What is declared and assumed: dimensions, symbols, equations, distributions, differentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

import sympy as sp

from matrixproof.language.differential import Differential
from matrixproof.language.errors import ProofError, ShapeError, UnknownSymbolError
from matrixproof.language.expressions import Dimension, Expr, is_bare_zero, lift, zero
from matrixproof.language.expressions import size as as_size
from matrixproof.language.letters import Hypothesis, Letter, Noise, Sampler
from matrixproof.language.printing import describe_shape, plain, tex_name
from matrixproof.language.signs import is_positive
from matrixproof.language.trees import symbols_in


@dataclass
class Declarations:
    """Dimensions, symbols and assumptions: what a `Setting` holds before anything is proved.

    Parameters
    ----------
    names : str
        The dimensions, separated by blanks: ``"n k p"``. They stand for all positive whole numbers.
    where : str, optional
        What is assumed of the dimensions, for example ``"n > p"``.

    Raises
    ------
    ProofError
        When a dimension is no name, or a condition cannot be read or met.
    """

    names: str
    where: str = ""
    dims: dict[str, sp.Symbol] = field(init=False, default_factory=dict)
    letters: dict[str, Letter] = field(init=False, default_factory=dict)
    hypotheses: list[Hypothesis] = field(init=False, default_factory=list)
    noises: dict[str, Noise] = field(init=False, default_factory=dict)
    scalar_symbols: dict[str, sp.Symbol] = field(init=False, default_factory=dict)
    _sizes: set[Dimension] = field(init=False, default_factory=set, repr=False)
    _averaged: set[str] = field(init=False, default_factory=set, repr=False)  # under expectations

    def __post_init__(self) -> None:
        names = self.names.split()
        if not names:
            raise ProofError("a setting needs at least one dimension, as in Setting('n p')")
        for x in names:
            self._check_name(x)
            self.dims[x] = sp.Symbol(x, integer=True, positive=True)
        self.conditions = [self._condition(c) for c in self.where.split(",") if c.strip()]

    @property
    def dimensions(self) -> tuple[sp.Symbol, ...]:
        """The dimensions as SymPy symbols, in the order of declaration."""
        return tuple(self.dims.values())

    def _check_name(self, name: str) -> None:
        """A name must be free, and must not print like another."""
        if not name.isidentifier() or iskeyword(name):
            raise ProofError(f"'{name}' is no name: letters, digits and _, not a word of Python")
        for other in (*self.dims, *self.letters, *self.scalar_symbols):
            if other == name:
                raise ProofError(f"{name} is declared already")
            if tex_name(other) == tex_name(name):
                raise ProofError(f"{name} would be printed like {other}: choose another name")

    def _condition(self, text: str) -> sp.Basic:
        try:
            out = sp.sympify(text, locals=dict(self.dims))
        except (sp.SympifyError, TypeError):
            out = None
        if not isinstance(out, sp.core.relational.Relational | sp.logic.boolalg.BooleanAtom):
            raise ProofError(f"cannot read the condition '{text.strip()}': write them as 'n > p'")
        if out == False:  # noqa: E712 - SymPy's false
            raise ProofError(f"no dimensions satisfy '{text.strip()}'")
        for name in sorted(map(str, out.free_symbols - set(self.dims.values()))):
            raise UnknownSymbolError(f"{name} in '{text.strip()}' is not a dimension")
        return out

    def positive_sizes(self) -> list[Dimension]:
        """Whole numbers that the conditions make positive, such as n - p."""
        strict = (sp.StrictGreaterThan, sp.StrictLessThan)
        known = (sp.expand(c.gts - c.lts) for c in self.conditions if isinstance(c, strict))
        return sorted(known, key=str)

    def _check_size(self, side: Dimension) -> None:
        """A size belongs to this setting, and is positive under its conditions."""
        if side in self._sizes:
            return
        for name in sorted(map(str, side.free_symbols - set(self.dims.values()))):
            raise UnknownSymbolError(f"{name} is not a dimension of this setting")
        if not is_positive(side, self.positive_sizes()):
            raise ShapeError(
                f"the size {side} is not known to be positive: say when, as in where='n > p'"
            )
        self._sizes.add(side)

    # -- declaring symbols ----------------------------------------------------------------
    def _declare(self, text: str, kind: str, sampler: Sampler | None = None) -> Any:
        out = []
        for part in filter(str.strip, text.split(";")):
            name, colon, size = part.partition(":")
            name = name.strip()
            sides = [self.dimension(x) for x in size.split(",") if x.strip()]
            if not colon or len(sides) not in (1, 2):
                raise ProofError(f"cannot read '{part.strip()}': write a name and a size, 'X: n,p'")
            self._check_name(name)
            shape = (sides[0], sides[-1])
            if kind in ("symmetric", "positive definite") and shape[0] != shape[1]:
                raise ShapeError(f"{name} is {shape[0]} x {shape[1]}: a {kind} matrix is square")
            self.letters[name] = Letter(name, shape, kind, sampler)
            out.append(Expr("symbol", shape=shape, value=name, tex=tex_name(name)))
        return out[0] if len(out) == 1 else tuple(out)

    def dimension(self, text: str) -> Dimension:
        """Read a size such as ``n``, ``n-p`` or ``3``.

        Raises
        ------
        ShapeError, UnknownSymbolError
            When it is not made of the dimensions, or not known to be positive.
        """
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
        size = as_size(size)
        self._check_size(size)
        return size

    def matrices(self, text: str, sampler: Sampler | None = None) -> Any:
        """Matrices of which nothing is assumed: ``"A: n,n; U: n,k"`` (one size means square).

        Raises
        ------
        ProofError
            When a name is taken, prints like another, or is no name.
        ShapeError, UnknownSymbolError
            When a size is not made of the dimensions, or not known to be positive.
        """
        return self._declare(text, "any", sampler)

    def vectors(self, text: str, sampler: Sampler | None = None) -> Any:
        """Column vectors: ``"y: n; b: p"``.

        Raises
        ------
        ProofError
            When a name is taken, prints like another, or is no name.
        ShapeError, UnknownSymbolError
            When a size is not made of the dimensions, or not known to be positive.
        """
        if "," in text:
            raise ProofError(f"cannot read '{text}': a vector has one size, 'y: n; b: p'")
        columns = ";".join(f"{part},1" for part in text.split(";") if part.strip())
        return self._declare(columns, "any", sampler)

    def symmetric(self, text: str, sampler: Sampler | None = None) -> Any:
        """Symmetric matrices: ``"S: n"``.

        Raises
        ------
        ProofError
            When a name is taken, prints like another, or is no name.
        ShapeError, UnknownSymbolError
            When a size is not made of the dimensions, or not known to be positive.
        """
        return self._declare(text, "symmetric", sampler)

    def positive_definite(self, text: str) -> Any:
        """Symmetric positive definite matrices: ``"V: n"``.

        Raises
        ------
        ProofError
            When a name is taken, prints like another, or is no name.
        ShapeError, UnknownSymbolError
            When a size is not made of the dimensions, or not known to be positive.
        """
        return self._declare(text, "positive definite")

    def full_rank(self, text: str) -> Any:
        """Matrices with linearly independent columns: ``"X: n,p"``.

        Raises
        ------
        ProofError
            When a name is taken, prints like another, or is no name.
        ShapeError, UnknownSymbolError
            When a size is not made of the dimensions, or not known to be positive.
        """
        return self._declare(text, "full column rank")

    def scalars(self, names: str, positive: bool = True) -> Any:
        """Numbers, positive ones unless it is said otherwise: ``"sigma2 tau2"``.

        Raises
        ------
        ProofError
            When a name is taken, prints like another, or is no name.
        """
        out = []
        for name in names.split():
            symbol = _scalar_symbol(name, positive)
            if self.scalar_symbols.get(name) != symbol:
                self._check_name(name)
            self.scalar_symbols[name] = symbol
            out.append(lift(symbol))
        return out[0] if len(out) == 1 else tuple(out)

    # -- assuming -------------------------------------------------------------------------
    def assume(self, lhs: Expr, rhs: Any, name: str | None = None) -> None:
        """Assume the equation lhs = rhs between matrices (0 stands for the zero matrix).

        Raises
        ------
        ShapeError
            When the two sides are no matrices of one size.
        UnknownSymbolError
            When the equation uses what this setting has not declared.
        ProofError
            When it ties a Gaussian vector, whose distribution is given already.
        """
        lhs, rhs = lift(lhs), lift(rhs)
        if lhs.shape is None:
            raise ShapeError(f"{plain(lhs)} is a scalar: an assumption is about matrices")
        rhs = zero(*lhs.shape) if is_bare_zero(rhs) else rhs
        if lhs.shape != rhs.shape:
            raise ShapeError(
                f"cannot assume {plain(lhs)} = {plain(rhs)}: the left side is "
                f"{describe_shape(lhs.shape)}, the right side {describe_shape(rhs.shape)}"
            )
        name = name or f"{plain(lhs)} = {plain(rhs)}"
        self.check_symbols(lhs)
        self.check_symbols(rhs)
        for random in sorted((symbols_in(lhs) | symbols_in(rhs)) & set(self.noises)):
            raise ProofError(f"{random} is Gaussian: '{name}' would change its distribution")
        self.hypotheses.append(Hypothesis(lhs, rhs, name))

    def gaussian(self, e: Expr, covariance: Expr, root: Sampler | None = None) -> None:
        """Let the vector e be Gaussian with mean 0 and the given covariance.

        Vectors declared so are independent of each other. ``root`` draws an exact root for the
        instances. It may be left out for a covariance written as ``K * K.T`` or
        ``scalar * eye(n)``.

        Raises
        ------
        ShapeError
            When e is no vector of the setting, or the covariance is not square of its size.
        ProofError
            When e has a distribution already or is tied by an assumption, or the covariance is
            random itself.
        """
        if e.op != "symbol" or e.shape is None or e.shape[1] != 1:
            raise ShapeError(f"{plain(e)} is not a vector of this setting")
        self.check_symbols(e)
        self.check_symbols(covariance)
        if covariance.shape != (e.shape[0], e.shape[0]):
            raise ShapeError(
                f"the covariance of {plain(e)} must be {e.shape[0]} x {e.shape[0]}, not "
                f"{describe_shape(covariance.shape)}"
            )
        if e.value in self.noises:
            raise ProofError(f"{e.value} is Gaussian already")
        for random in sorted(symbols_in(covariance) & {*self.noises, e.value}):
            raise ProofError(f"{random} is random: it cannot stand in a covariance")
        for h in self.hypotheses:
            if e.value in symbols_in(h.lhs) | symbols_in(h.rhs):
                raise ProofError(f"{e.value} is tied by '{h.name}': it cannot be Gaussian as well")
        if e.value in self._averaged:
            raise ProofError(f"{e.value} stood under an expectation already, as a constant")
        for name, noise in self.noises.items():
            if e.value in symbols_in(noise.covariance):
                raise ProofError(f"{e.value} stands in the covariance of {name}")
        self.noises[e.value] = Noise(covariance, root)

    # -- differentiating ------------------------------------------------------------------
    def differential(self, *symbols: Expr) -> Differential:
        """The differential d, which moves the given symbols and no others.

        Raises
        ------
        ProofError
            When something else than a symbol or scalar of the setting is to move.
        """
        table: dict[Any, Expr] = {}
        for x in symbols:
            self._check_moving(x)
            if x.op == "number":
                symbol = _scalar_symbol(f"d{x.value}", positive=False)
                if self.scalar_symbols.get(symbol.name) != symbol:
                    self._check_name(symbol.name)
                self.scalar_symbols[symbol.name] = symbol
                table[x.value] = lift(symbol)
            else:
                table[x.value] = self._direction(x, f"d{x.value}", r"\mathrm{d}" + str(x.tex))
        return Differential("d", r"\mathrm{d}", table)

    def partial(self, parameter: Expr | str, *moving: Expr) -> Differential:
        """The partial derivative in a scalar.

        ``parameter`` is a scalar of the setting, or the name of one on which the symbols ``moving``
        depend in a way that is left open (V is then a function of theta).

        Raises
        ------
        ProofError
            When the parameter, or what moves with it, is no symbol of the setting.
        """
        table: dict[Any, Expr] = {}
        if isinstance(parameter, Expr):
            self._check_moving(parameter)
            if parameter.op != "number":
                raise ProofError(f"{plain(parameter)} is no scalar: give the symbol of one")
            table[parameter.value] = lift(1)
            parameter = str(parameter.value)
        elif parameter in self.scalar_symbols or parameter in self.dims:
            raise ProofError(f"{parameter} is declared: give the symbol, not its name")
        tex = tex_name(parameter)
        for x in moving:
            self._check_moving(x)
            if x.op == "number":
                raise ProofError(f"{plain(x)} is a scalar: only matrices move along")
            letter = rf"\frac{{\partial {x.tex}}}{{\partial {tex}}}"
            table[x.value] = self._direction(x, f"d{x.value}_d{parameter}", letter)
        return Differential(f"d/d{parameter} ", rf"\frac{{\partial}}{{\partial {tex}}}", table)

    def _check_moving(self, x: Expr) -> None:
        known = x.op == "symbol" or (
            x.op == "number" and x.value in self.scalar_symbols.values()
        )  # fmt: skip
        if not known:
            raise ProofError(f"{plain(x)} cannot move: only symbols and scalars of the setting do")
        self.check_symbols(x)

    def _direction(self, x: Expr, name: str, tex: str) -> Expr:
        kind = "symmetric" if self.letters[x.value].symmetric else "any"
        if name not in self.letters:
            self.letters[name] = Letter(name, x.shape, kind)
        known = self.letters[name]
        if known.shape != x.shape or (kind == "symmetric" and not known.symmetric):
            raise ProofError(f"{name} is declared as something else than the differential of {x}")
        return Expr("symbol", shape=x.shape, value=name, tex=tex)

    # -- checking -------------------------------------------------------------------------
    def check_symbols(self, x: Expr) -> None:
        """Check that an expression belongs to this setting.

        Raises
        ------
        UnknownSymbolError
            When x uses what this setting has not declared.
        ProofError
            When a name stands for two things, or d moves what an assumption ties.
        """
        scalars = {*self.dims.values(), *self.scalar_symbols.values()}
        for node in x.walk():
            if node.op == "symbol" and (
                node.value not in self.letters or self.letters[node.value].shape != node.shape
            ):
                raise UnknownSymbolError(
                    f"{node.value} is not a symbol of this setting (it has "
                    f"{', '.join(self.letters) or 'no matrices'})"
                )
            if node.op == "number":
                for name in sorted(map(str, node.value.free_symbols - scalars)):
                    raise UnknownSymbolError(f"{name} is not a scalar or dimension of this setting")
            for side in node.shape or ():
                self._check_size(side)
            if node.op == "define" and (
                node.value in self.letters or node.value in map(str, scalars)
            ):
                raise ProofError(f"{node.value} is declared: a definition needs a name of its own")
            if node.op == "d":
                self._check_differential(node.value)
            if node.op == "expectation":
                self._averaged |= symbols_in(node)

    def _check_differential(self, d: Differential) -> None:
        for moving, direction in d.table.items():
            self.check_symbols(direction)
            letter = self.letters.get(moving)
            if moving not in self.scalar_symbols.values() and (
                letter is None or letter.shape != direction.shape
            ):
                raise UnknownSymbolError(f"{d} moves {moving}, which this setting does not have")
            if not d.is_direction(moving, direction):
                raise ProofError(f"{plain(direction)} is not how {d} moves {moving}")
        moved = {str(x) for x in d.table}
        for h in self.hypotheses:
            for name in sorted(moved & (symbols_in(h.lhs) | symbols_in(h.rhs))):
                raise ProofError(
                    f"{d} moves {name}, which the assumption {h.name} ties: it would not stay true"
                )


def _scalar_symbol(name: str, positive: bool) -> sp.Symbol:
    return sp.Symbol(name, positive=True) if positive else sp.Symbol(name, real=True)
