"""The outer problem: quasi-Newton with exact gradients (BFGS), which needs no second derivatives.

A trial point where the function is not defined counts as infinitely high, so that the step is
shortened. See the chapter "Laplace" (B36).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    """

    x: Array
    value: float
    gradient: Array
    inverse: Array
    steps: int
    converged: bool


def descend(
    function: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    x: Array,
    inverse: Array,
) -> Descent:
    """From ``x``, with ``inverse`` a first guess of the inverse Hessian."""
    value, slope = function(x), gradient(x)
    for steps in range(STEPS):
        direction = -inverse @ slope
        promise = -float(slope @ direction)
        rounding = DIGITS * (1.0 + abs(value))
        if promise < DONE:
            return Descent(x, value, slope, inverse, steps, True)
        for halving in range(HALVINGS):
            length = 0.5**halving
            trial = function(x + length * direction)
            if trial <= value - 1e-4 * length * promise + rounding:
                break
        else:
            return Descent(x, value, slope, inverse, steps, promise < rounding)
        x, value = x + length * direction, trial
        new = gradient(x)
        inverse = _updated(inverse, length * direction, new - slope)
        slope = new
    return Descent(x, value, slope, inverse, STEPS, False)


def _updated(B: Array, s: Array, y: Array) -> Array:
    """The inverse Hessian nearest to B that takes y to s; B where the curvature is not positive."""
    sy = float(s @ y)
    if sy <= 1e-10 * np.sqrt(float(s @ s) * float(y @ y)):
        return B
    left = np.eye(len(s)) - np.outer(s, y) / sy
    return left @ B @ left.T + np.outer(s, s) / sy
