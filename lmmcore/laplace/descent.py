"""The outer problem: quasi-Newton with exact gradients (BFGS), which needs no second derivatives.

A trial point where the function is not defined counts as infinitely high, so that the step is
shortened. What the function knows of a point beside its value it is told at the next one.
See the chapter "Laplace" (B36).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmmcore.covariance.structures import Array

STEPS = 200
HALVINGS = 60
DONE = 1e-12  # twice the fall that the quadratic model still promises
DIGITS = 1e-13  # relative rounding error of the function


@dataclass(frozen=True)
class Descent:
    """Where the descent ended.

    Attributes
    ----------
    x, gradient : (p,) arrays
    value : float
    inverse : (p, p) array
        The inverse Hessian, as far as the steps have shown it.
    steps : int
    converged : bool
    evaluations : int
        Of the function.
    known : object
        What the function knows of x.
    """

    x: Array
    value: float
    gradient: Array
    inverse: Array
    steps: int
    converged: bool
    evaluations: int = 0
    known: Any = None


def descend(
    function: Callable[[Array, Any], tuple[float, Any]],
    gradient: Callable[[Array, Any], Array],
    x: Array,
    inverse: Array,
    known: Any = None,
) -> Descent:
    """The least value of a function.

    Parameters
    ----------
    function : callable
        (x, what is known of a point nearby) -> its value, and what is now known of x.
    gradient : callable
        (x, what is known of x) -> (p,) array.
    x : (p,) array
        Where to begin.
    inverse : (p, p) array
        A first guess of the inverse Hessian.
    known : object
        Of a point near the first.
    """
    value, known = function(x, known)
    slope, evaluations = gradient(x, known), 1

    def ended(steps: int, converged: bool) -> Descent:
        return Descent(x, value, slope, inverse, steps, converged, evaluations, known)

    for steps in range(STEPS):
        direction = -inverse @ slope
        promise = -float(slope @ direction)
        rounding = DIGITS * (1.0 + abs(value))
        if promise < DONE:
            return ended(steps, True)
        for halving in range(HALVINGS):
            length = 0.5**halving
            trial, there = function(x + length * direction, known)
            evaluations += 1
            if trial <= value - 1e-4 * length * promise + rounding:
                break
        else:
            return ended(steps, promise < rounding)
        x, value, known = x + length * direction, trial, there
        new = gradient(x, known)
        inverse = _updated(inverse, length * direction, new - slope)
        slope = new
    return ended(STEPS, False)


def _updated(B: Array, s: Array, y: Array) -> Array:
    """The inverse Hessian nearest to B that takes y to s; B where the curvature is not positive."""
    sy = float(s @ y)
    if sy <= 1e-10 * np.sqrt(float(s @ s) * float(y @ y)):
        return B
    left = np.eye(len(s)) - np.outer(s, y) / sy
    return left @ B @ left.T + np.outer(s, s) / sy
