"""The setting of a derivation: what is declared, and the ways to prove and to refute in it."""

from __future__ import annotations

from typing import Any

from matrixproof.judges.samplers import sample_contrasts
from matrixproof.language.declarations import Declarations
from matrixproof.language.expressions import Expr, eye, lift
from matrixproof.language.printing import plain
from matrixproof.page.derivation import Derivation, Result
from matrixproof.page.refutation import Refutation


class Setting(Declarations):
    """Dimensions, symbols and assumptions shared by the derivations of one subject.

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

    Examples
    --------
    >>> s = Setting("n p", where="n > p")
    >>> V = s.positive_definite("V: n")
    >>> X = s.full_rank("X: n,p")
    >>> s.prove((X.T * V.I * X).T, X.T * V.I * X).status
    'proved'
    """

    def error_contrasts(self, name: str, X: Expr) -> Expr:
        """A matrix A: n,n-p with A'X = 0 whose columns, with those of X, form a basis of R^n.

        Raises
        ------
        ShapeError
            When the conditions of the setting do not give n > p.
        """
        n, p = X.shape
        A = self.matrices(f"{name}: {n},{n - p}", sampler=lambda i: sample_contrasts(i, X.value))
        self.assume(A.T * X, 0)
        self.assume(
            A * (A.T * A).I * A.T + X * (X.T * X).I * X.T,
            eye(n),
            f"the columns of [{name}, {plain(X)}] form a basis",
        )
        return A

    def derive(self, start: Any) -> Derivation:
        """Begin a derivation: a chain of equalities, each line checked as it is written.

        Raises
        ------
        UnknownSymbolError
            When the first line uses what this setting has not declared.
        """
        return Derivation(self, lift(start))

    def prove(self, lhs: Any, rhs: Any, reason: str = "", **options: Any) -> Result:
        """Prove lhs = rhs in one step.

        Raises
        ------
        StepError
            As `Derivation.step`, to which ``options`` go.
        """
        return self.derive(lhs).step(rhs, reason, **options).result()

    def refute(self, lhs: Any, rhs: Any, **options: Any) -> Refutation:
        """Show that lhs = rhs is false, by the smallest exact counterexample found.

        Raises
        ------
        RefutationError
            When none is found, or the values given are none.
        """
        return Refutation.search(self, lift(lhs), lift(rhs), **options)
