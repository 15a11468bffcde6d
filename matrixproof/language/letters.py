"""What a setting knows: its letters, the equations assumed between them, Gaussian vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matrixproof.language.expressions import Dimension, Expr

if TYPE_CHECKING:
    from sympy.polys.matrices import DomainMatrix

    from matrixproof.judges.instances import Instance

Sampler = Callable[["Instance"], "DomainMatrix"]


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
    """A Gaussian vector with mean zero; ``root`` draws a matrix R with R R' = covariance.

    Without one, exact instances know the roots of K K' and of multiples of the identity.
    """

    covariance: Expr
    root: Sampler | None = None
