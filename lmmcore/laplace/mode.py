"""The inner problem: the random effects of highest joint density, by Newton's method.

Every step solves (H + shift I) step = -gradient with the exact Hessian H; the shift is 0 unless H
is not positive definite, which can happen away from the mode with Student-t densities. A step is
halved until it lowers the joint negative log density. See the chapter "Laplace" (A19).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmmcore.covariance.structures import Array
from lmmcore.laplace.derivatives import SeededDerivatives
from lmmcore.laplace.factor import Factoriser, HessianFactor
from lmmcore.laplace.sparsity import Sparsity

STEPS = 100
HALVINGS = 40
EXACT = 1e-18  # squared length of a last step, in units of the curvature
ROUNDED = 1e-10  # the same, where rounding lets the steps become no shorter
SLOW, SMALL = 100.0, 1e-2  # steps that shorten so little, and are so long, lead nowhere
DIGITS = 1e-13  # relative rounding error of a density


class LaplaceError(ValueError):
    """The random effects cannot be integrated out at these parameters, and why."""


@dataclass(frozen=True)
class Mode:
    """The most probable random effects, given the data and theta.

    Attributes
    ----------
    theta : (p,) array
    u : (k,) array
    value : float
        The joint negative log density there.
    factor : HessianFactor
        Of the Hessian there.
    steps : int
    """

    theta: Array
    u: Array
    value: float
    factor: HessianFactor
    steps: int


def find_mode(
    derivatives: SeededDerivatives, sparsity: Sparsity, factoriser: Factoriser, theta: Array,
    starts: Sequence[Array],
) -> Mode:
    """Newton's method from the best of these points.

    Raises
    ------
    LaplaceError
        If the density overflows at the start, the steps do not converge, or H is not positive
        definite where they end.
    """
    value, u = min(((derivatives.value(theta, u), u) for u in starts), key=lambda pair: pair[0])
    if not np.isfinite(value):
        raise LaplaceError(
            "the joint density is not a finite number here: it overflows (exp of a large number?) "
            "or is not defined; start from parameters in the scale of the data"
        )
    previous = np.inf
    for steps in range(STEPS):
        gradient, products = derivatives.inner(theta, u)
        values = sparsity.values(products)
        if not np.all(np.isfinite(gradient)) or not np.all(np.isfinite(values)):
            raise LaplaceError("a derivative of the joint density is not a finite number: "
                               "is it smooth in the random effects?")
        factor, shifted = _positive(factoriser, values)
        step = -factor.solve(gradient)
        length = -float(gradient @ step)
        done = length < EXACT or previous / 4.0 < length < ROUNDED
        if done and not shifted:
            # near a maximum the next length would be about the square of the last one
            if previous < SLOW * length and np.any(np.abs(step) > SMALL * (1.0 + np.abs(u))):
                raise LaplaceError(
                    "the random effects run off to infinity: the joint density has no maximum in "
                    "them; has each random parameter its own density?"
                )
            return Mode(theta, u, value, factor, steps)
        rounding = DIGITS * (1.0 + abs(value))
        for halving in range(HALVINGS):
            trial = u + 0.5**halving * step
            trial_value = derivatives.value(theta, trial)
            if trial_value <= value - 1e-4 * 0.5**halving * length + rounding:
                break
        else:
            break
        u, value, previous = trial, trial_value, length
    raise LaplaceError(_why(factoriser, values, length))


def _positive(factoriser: Factoriser, values: Array) -> tuple[HessianFactor, bool]:
    """H, or H + shift I with a shift that makes it positive definite."""
    shift, scale = 0.0, max(1e-8, float(np.max(np.abs(values))))
    while shift < 100.0 * scale:
        try:
            return factoriser(values, shift), shift > 0.0
        except np.linalg.LinAlgError:
            shift = max(1e-2 * scale, 4.0 * shift)
    raise LaplaceError("the inner Hessian cannot be factorised")


def _why(factoriser: Factoriser, values: Array, length: float) -> str:
    try:
        factoriser(values)
    except np.linalg.LinAlgError:
        return (
            "the inner Hessian is not positive definite where Newton's method ends: the joint "
            "density has no strict maximum in the random effects (is one of them in no "
            "density, or a heavy-tailed density without scale?), so Laplace does not apply"
        )
    return (
        f"Newton's method for the random effects did not converge in {STEPS} steps (what is left "
        f"is {length:.1e}): start from parameters in the scale of the data, or scale the effects; "
        "or is the joint density not smooth, has it kinks (an absolute value)?"
    )
