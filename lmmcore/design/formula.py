"""Models from a formula and a table: ``reaction ~ days + (days | subject)``.

The formula is read as R and lme4 read it. In the fixed effects ``a*b`` is ``a + b + a:b``, ``a/b``
is ``a + a:b``, ``0 +`` or ``- 1`` leaves the intercept out, numbers are covariates and labels are
factors with treatment contrasts (the first level is left out wherever the term without the factor
is in the formula). A term ``(effects | factor)`` gives each level of the factor its own effects,
correlated; with ``||`` they are independent; ``(1 | a/b)`` is ``(1 | a) + (1 | a:b)``.

The grammar is parsed by the library *formulae*, an optional dependency. See "A first fit" (E2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from lmmcore.columns import Factor, levels_and_codes
from lmmcore.covariance.structures import Array
from lmmcore.design.grouped import grouped
from lmmcore.design.missing import check_choice, complete_rows, is_missing, take_rows
from lmmcore.model import LinearMixedModel

Variables = tuple[str, ...]  # the variables of one product; () is the intercept


class Bar(NamedTuple):
    """One term ( effects | factor ): its products, its grouping variables, and ``||`` or ``|``."""

    effects: list[Variables]
    factor: Variables
    independent: bool


def from_formula(formula: str, data: Any, missing: str = "refuse") -> LinearMixedModel:
    """A model from a formula and a table of named columns.

    See the chapter "A first fit" (B1, B10, E2).

    Parameters
    ----------
    formula : str
        ``response ~ fixed effects + (effects | factor) + ...``; without bars it is a regression.
    data : mapping of names to columns, NumPy structured array, or data frame
        Columns of n entries: numbers are covariates, text, truth values and categoricals are
        factors. After a bar every column is a factor.
    missing : {"refuse", "drop"}
        What to do with rows that have missing values in a column of the formula; others do not
        matter. A warning says how many are dropped.

    Returns
    -------
    LinearMixedModel
        Columns of X are named as in R, ``"days"``, ``"sexM"`` or ``"days:sexM"``.

    Raises
    ------
    ValueError
        If the formula cannot be read, names an unknown column or a function of one, a column has
        missing values or another length, or the response is not numeric; and as for
        :func:`lmmcore.design.grouped.grouped`.
    ImportError
        If *formulae* is not installed.

    Examples
    --------
    >>> fit(from_formula("Reaction ~ Days + (Days | Subject)", load("sleepstudy")))
    """
    check_choice(missing)
    if not isinstance(formula, str):
        raise ValueError(f"a formula is text, such as 'y ~ x + (1 | g)'; this is {formula!r}")
    response, fixed, bars = read_formula(formula)
    table = _Table(data)
    if missing == "drop":
        table = table.complete([response, *(v for product in fixed for v in product), *(
            v for bar in bars for part in (*bar.effects, bar.factor) for v in part)])
    y = table.column(response)
    if isinstance(y, Factor):
        raise ValueError(f"the response {response!r} is not numeric: its values are labels such as "
                         f"{str(y.levels[0])!r}")
    X = _design(fixed, table)
    if not X:
        raise ValueError(f"{formula!r} has no fixed effects: keep the intercept, or name a column")
    groups, Z, kinds = {}, {}, {}
    for name, factor, effects, kind in _random_terms(bars, table):
        groups[name], Z[name], kinds[name] = table.factor(factor), effects, kind
    return grouped(y, X, groups, Z, kinds)


@lru_cache(64)  # the parser takes longer than the fit of a small data set
def read_formula(formula: str) -> tuple[str, list[Variables], list[Bar]]:
    """The response, the products of the fixed effects, and the terms with bars."""
    sides = formula.split("~")
    if len(sides) != 2 or not all(side.strip() for side in sides):
        raise ValueError(f"{formula!r} is no formula: write response ~ effects + (effects | group)")
    response = _products(sides[0], intercept=False)
    if len(response) != 1 or len(response[0]) != 1:
        raise ValueError(f"the response {sides[0].strip()!r} must be the name of one column")
    fixed, bars = [], []
    for summand in _summands(sides[1]):
        bar = re.fullmatch(r"\(([^|]*)(\|\|?)([^|]*)\)", summand, re.S)
        if bar:
            bars += _bars(*bar.groups())
        elif "|" in summand:
            raise ValueError(f"{summand!r} cannot be read: write it as (effects | factor)")
        else:
            fixed.append(summand)
    return response[0][0], _products(" + ".join(fixed) or "1"), bars


def _summands(text: str) -> list[str]:
    """The text between those plus signs that stand outside all parentheses and quotes."""
    summands, depth = [""], 0
    for piece in re.findall(r"`[^`]*`|.", text, re.S):
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "+" and depth == 0:
            summands.append("")
        else:
            summands[-1] += piece
    return [s.strip() for s in summands]


def _bars(effects: str, bar: str, factors: str) -> list[Bar]:
    products = _products(effects)
    if not products:
        raise ValueError(f"({effects}{bar}{factors}) has no effects: leave it out, or write 1")
    return [Bar(products, factor, bar == "||") for factor in _products(factors, intercept=False)]


def _products(text: str, intercept: bool = True) -> list[Variables]:
    """The products that a sum with +, -, :, *, / and powers expands to; () is the intercept."""
    try:
        from formulae.parser import Parser
        from formulae.resolver import Resolver
        from formulae.scanner import Scanner
    except ImportError as error:
        raise ImportError("formulas need the package formulae: pip install 'lmmcore[formula]'") \
            from error
    try:
        whole = text if intercept else f"0 + {text}"
        parser = Parser(Scanner(whole.replace("^", "**")).scan())
        tree = parser.parse()
        if not parser.at_end():
            raise ValueError(f"unexpected {parser.peek().lexeme!r}")
        found = Resolver(tree).resolve()
        terms = getattr(found, "common_terms", [found])
        products = [_variables(term) for term in terms]
    except Exception as error:  # formulae has many kinds
        raise ValueError(f"{text.strip()!r} cannot be read as a formula: {error}") from error
    order = list(dict.fromkeys(v for p in products for v in p))  # a:b and b:a are one, as in R
    unique = dict.fromkeys(tuple(sorted(p, key=order.index)) for p in products)
    return sorted(unique, key=len)  # main effects first, as in R


def _variables(term: Any) -> Variables:
    for part in getattr(term, "components", ()):
        if type(part).__name__ != "Variable" or part.reference is not None:
            raise ValueError(f"{part.name!r} is not a column; compute it first, as one of its own")
    return tuple(str(part.name) for part in getattr(term, "components", ()))


def _random_terms(
    bars: list[Bar], table: _Table
) -> Iterable[tuple[str, Variables, dict[str, Any], str]]:
    """Name, factor, columns and covariance of each term; independent effects of a factor joined."""
    joined: dict[Variables, dict[str, Any]] = {}
    correlated = []
    for bar in bars:
        columns = _design(bar.effects, table)
        if bar.independent and any(isinstance(table.column(v), Factor)
                                   for effect in bar.effects for v in effect):
            raise ValueError(f"|| is for numeric effects: write (1 | {':'.join(bar.factor)}) and "
                             f"(0 + ... | {':'.join(bar.factor)}) for a factor")
        if bar.independent or len(columns) == 1:
            effects = joined.setdefault(bar.factor, {})
            twice = [name for name in columns if name in effects]
            if twice:
                raise ValueError(f"{twice[0]} has two terms within {':'.join(bar.factor)}: "
                                 "leave one out")
            effects.update(columns)
        else:
            correlated.append((bar.factor, columns, "unstructured"))
    used: dict[str, int] = {}
    order = [bar.factor for bar in bars]
    terms = [(factor, columns, "diagonal") for factor, columns in joined.items()] + correlated
    for factor, columns, kind in sorted(terms, key=lambda term: order.index(term[0])):
        name = ":".join(factor)
        used[name] = used.get(name, -1) + 1
        yield name + (f".{used[name]}" if used[name] else ""), factor, columns, kind


def _design(products: list[Variables], table: _Table) -> dict[str, Any]:
    """Named columns for a sum of products, factors with treatment contrasts."""
    present = {frozenset(p) for p in products} | {frozenset()}
    whole = () not in products  # without an intercept the first factor has all its levels, as in R
    design: dict[str, Any] = {}
    for variables in products:
        choices = []
        for name in variables:
            column = table.column(name)
            if isinstance(column, Factor):
                # a level is left out where the term without this factor already has their sum
                first = 1 if frozenset(variables) - {name} in present and not whole else 0
                whole = False
                choices.append([(f"{name}{column.levels[i]}", column.codes == i)
                                for i in range(first, len(column.levels))])
            else:
                choices.append([(name, column.astype(float, copy=False))])
        for choice in product(*reversed(choices)):  # the levels of the first factor run fastest
            label = ":".join(name for name, _ in reversed(choice)) or "(Intercept)"
            design[label] = reduce(np.multiply, [c for _, c in choice]) if choice else 1
    return design


class _Table:
    """Columns by name, each a covariate (n,) or a factor."""

    def __init__(self, data: Any):
        self.data = data
        if getattr(getattr(data, "dtype", None), "names", None):
            self.names = list(data.dtype.names)
        else:
            self.names = list(getattr(data, "columns", data if isinstance(data, Mapping) else ()))
        if not self.names:
            raise ValueError("the data must be named columns: a mapping of names to columns, a "
                             "structured array or a data frame")
        self.n: int | None = None
        self.read: dict[str, Array | Factor] = {}

    def complete(self, names: list[str]) -> _Table:
        """The table of these columns, without the rows in which one of them is missing."""
        for name in names:
            self._check(name)
        columns = {f"column {name!r}": self.data[name] for name in names}
        rows = complete_rows(columns, len(np.asarray(self.data[names[0]])))
        return _Table({name: take_rows(self.data[name], rows) for name in names})

    def _check(self, name: str) -> None:
        if name not in self.names:
            known = ", ".join(map(str, self.names))
            raise ValueError(f"there is no column {name!r}; the data have {known}")

    def column(self, name: str) -> Array | Factor:
        if name not in self.read:
            self._check(name)
            self.read[name] = _column(name, self.data[name])
            found = self.read[name]
            length = len(found.codes if isinstance(found, Factor) else found)
            self.n = self.n or length
            if length != self.n:
                raise ValueError(f"column {name!r} has {length} entries, another has {self.n}")
        return self.read[name]

    def factor(self, names: Variables) -> Factor:
        """The grouping factor a, or a:b with a level for each combination that occurs."""
        whole: Factor | None = None
        for name in names:
            part = self.column(name)
            if not isinstance(part, Factor):
                if part.dtype.kind == "f" and np.max(np.abs(part)) < 2**53 and np.array_equal(
                        part, np.rint(part)):
                    part = part.astype(np.int64)
                part = levels_and_codes(part)
            whole = part if whole is None else _crossing(whole, part)
        return whole


def _crossing(a: Factor, b: Factor) -> Factor:
    pairs, codes = np.unique(a.codes.astype(np.int64) * len(b.levels) + b.codes,
                             return_inverse=True)
    i, j = np.divmod(pairs, len(b.levels))
    labels = [f"{x}:{y}" for x, y in zip(a.levels[i], b.levels[j], strict=True)]
    return Factor(np.array(labels), codes)


def _column(name: str, values: Any) -> Array | Factor:
    """A column of numbers as it is; one of labels as a factor, without levels that do not occur."""
    categories = getattr(getattr(values, "dtype", None), "categories", None)
    if hasattr(values, "cat") and categories is not None:
        codes, levels = np.asarray(values.cat.codes), np.asarray(categories).astype(str)
        _refuse_missing(name, codes < 0)
        used, codes = np.unique(codes, return_inverse=True)
        return Factor(levels[used], codes)
    if isinstance(values, np.ma.MaskedArray):
        _refuse_missing(name, np.ma.getmaskarray(values))
    array = np.asarray(values)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"column {name!r} must be a vector with entries; it has {array.shape}")
    if array.dtype.kind in "fiu":
        _refuse_missing(name, ~np.isfinite(array))
        return array
    if array.dtype.kind not in "UbO":
        raise ValueError(f"column {name!r} holds {array.dtype}: convert it to numbers or to text")
    if array.dtype.kind == "O":
        _refuse_missing(name, is_missing(array))
        if not all(isinstance(v, (str, bool, np.bool_)) for v in array):
            raise ValueError(f"column {name!r} mixes objects: give numbers only, or text only")
        array = array.astype(str)
    levels, codes = np.unique(array, return_inverse=True)
    return Factor(levels.astype(str), codes)


def _refuse_missing(name: str, missing: np.ndarray) -> None:
    count = int(np.sum(missing))
    if count:
        raise ValueError(f"column {name!r} has {count} missing or infinite values: "
                         "drop those rows first")
