"""A joint negative log density of named parameters, and its derivatives in two vectors.

Derivatives are by reverse automatic differentiation, of the gradient again for products with the
Hessian, and once more for the derivatives of the Hessian. No differences are taken. Each is a tape,
read backwards from the one before.

Why autograd and not JAX: it needs no compiler, weighs less than a hundredth, and runs plain NumPy
code, where an error shows itself. With tapes it is about as fast for arrays of some hundred
numbers; JAX would have to fit the same model hundreds of times before its compilation is paid for.
The measurements are recorded by ``benchmarks/laplace.py``, and shown in the chapter "Laplace"
(A18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lmmcore.covariance.structures import Array
from lmmcore.laplace.tape import Tape

DIFFERENT = 1e-8  # relative difference of a tape from a fresh calculation


class Joint:
    """f(theta, u), with named parameters of any shape laid out in two vectors.

    Parameters
    ----------
    density : callable
        Takes one argument, with the parameters as its attributes, and returns a number.
    start : mapping of str to array
        All parameters, where to begin; this sets their shapes.
    random : sequence of str
        Those that go into u; the others make theta, both in the order of ``start``.
    """

    def __init__(
        self,
        density: Callable[[SimpleNamespace], Any],
        start: Mapping[str, ArrayLike],
        random: Sequence[str],
    ) -> None:
        if not callable(density):
            raise ValueError("joint must be a function of one argument, p with the parameters")
        if not isinstance(start, Mapping):
            raise ValueError('start must be a dictionary, such as {"beta": [0, 0], "u": [0] * 9}')
        if isinstance(random, str) or not random:
            raise ValueError("random must list at least one parameter, as in random=['u']")
        unknown = [name for name in random if name not in start]
        if unknown:
            raise ValueError(f"no start is given for {', '.join(unknown)}: name it in start")
        values = {name: _numbers(name, value) for name, value in start.items()}
        empty = [name for name in random if not values[name].size]
        if empty:
            raise ValueError(f"the start of {', '.join(empty)} is empty: no effects to integrate")
        self.density = density
        self.fixed = {name: v.shape for name, v in values.items() if name not in random}
        self.random = {name: v.shape for name, v in values.items() if name in random}
        self.theta0 = _flat([values[name] for name in self.fixed])
        self.u0 = _flat([values[name] for name in self.random])
        self._of_theta, self._of_u = _places(self.fixed), _places(self.random)

    def __call__(self, *arrays: Any) -> Any:
        """f at the parameters, fixed ones first."""
        return self.density(SimpleNamespace(**dict(zip(self._names(), arrays, strict=True))))

    def parameters(self, theta: Array, u: Array) -> SimpleNamespace:
        """The parameters under their names, in their shapes."""
        return SimpleNamespace(**dict(zip(self._names(), self.arrays(theta, u), strict=True)))

    def arrays(self, theta: Array, u: Array) -> list[Array]:
        """The parameters in their shapes, fixed ones first."""
        return _shaped(self._of_theta, theta) + self.effects(u)

    def effects(self, u: Array) -> list[Array]:
        """The random parameters in their shapes."""
        return _shaped(self._of_u, u)

    def parts(self, pieces: list[Array]) -> tuple[Array, Array]:
        """The entries of theta and of u, from the parameters in their shapes."""
        return _flat(pieces[: len(self.fixed)]), _flat(pieces[len(self.fixed) :])

    def value(self, theta: Array, u: Array) -> float:
        """f(theta, u) as a number; infinity where it overflows or is not a number."""
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(self(*self.arrays(theta, u)))
        except Exception as error:
            raise ValueError(
                f"the joint density cannot be calculated ({type(error).__name__}: {error}): look "
                "at the data, and at the names and shapes in start"
            ) from error
        if value.dtype.kind not in "fiub":
            raise ValueError("the joint density is no number: does the function return it?")
        if value.ndim:
            raise ValueError(f"the joint density has shape {value.shape}: sum it to one number")
        return float(value) if np.isfinite(value) else np.inf

    def names(self) -> list[str]:
        """The names of the entries of theta, such as ``beta[1]``."""
        return [
            name if shape == () else f"{name}[{', '.join(map(str, index))}]"
            for name, shape in self.fixed.items() for index in np.ndindex(shape)
        ]

    def _names(self) -> list[str]:
        return [*self.fixed, *self.random]


class Derivatives:
    """The joint density and its derivatives, each on a tape that is written at theta and u.

    ValueError if the density calls what autograd cannot differentiate.
    """

    def __init__(self, joint: Joint, theta: Array, u: Array) -> None:
        self.joint, self.written_at = joint, (theta, u)
        x = joint.arrays(theta, u)
        self._n, self._all = len(x), range(len(x))
        try:
            self.tape = Tape(lambda *x: [joint(*x)], *x)
            self._gradient = Tape(lambda *x: self.tape.backwards(x, self._all)[1]([1.0]), *x)
            self._product = Tape(self._multiplied, *x, *x)
        except Exception as error:
            raise ValueError(
                f"the joint density cannot be differentiated ({type(error).__name__}: {error}): "
                "write it with autograd.numpy, and assign to no entries of arrays"
            ) from error

    def value(self, theta: Array, u: Array) -> float:
        """f(theta, u); infinity where it overflows or is not a number."""
        value = float(self.tape(*self.joint.arrays(theta, u))[0])
        return value if np.isfinite(value) else np.inf

    def gradient(self, theta: Array, u: Array) -> tuple[Array, Array]:
        """The gradients of f in theta and in u."""
        return self.joint.parts(self._gradient(*self.joint.arrays(theta, u)))

    def product(self, theta: Array, u: Array, d: Array, v: Array) -> tuple[Array, Array]:
        """The Hessian of f in (theta, u) times (d, v), in two parts."""
        x = self.joint.arrays(theta, u) + self.joint.arrays(d, v)
        return self.joint.parts(self._product(*x))

    def verify(self, theta: Array, u: Array) -> None:
        """Play the tape at other numbers than it was written for, and calculate afresh.

        ValueError if the results differ.
        """
        played, truth = self.value(theta, u), self.joint.value(theta, u)
        if not np.isclose(played, truth, rtol=DIFFERENT, atol=DIFFERENT):
            raise ValueError(
                "the joint density is calculated in another way at other parameters (an `if`, or "
                "numbers taken out of them?): write it with np.where"
            )

    def _multiplied(self, *x: Any) -> list[Any]:
        _, slopes = self._gradient.backwards(x[: self._n], self._all)
        return slopes(x[self._n :])


class SeededDerivatives:
    """Of a joint density, what shows its whole Hessian H in u at once.

    The seeds (c, k) are the vectors whose products with H show all its entries.
    """

    def __init__(self, derivatives: Derivatives, seeds: Array) -> None:
        self.joint, self._tape, self.value = derivatives.joint, derivatives.tape, derivatives.value
        x = self.joint.arrays(*derivatives.written_at)
        self._n, self._random = len(x), range(len(self.joint.fixed), len(x))
        self._seeds = [self.joint.effects(seed) for seed in seeds]
        self._in_u = Tape(lambda *x: self._tape.backwards(x, self._random)[1]([1.0]), *x)
        self._inner = Tape(self._seen, *x)
        self._outer = Tape(self._weighted, *x, *(piece for seed in self._seeds for piece in seed))

    def inner(self, theta: Array, u: Array) -> tuple[Array, Array]:
        """The gradient of f in u, (k,), and the products of its Hessian with the seeds, (c, k)."""
        rows = _flat(self._inner(*self.joint.arrays(theta, u))).reshape(-1, len(u))
        return rows[0], rows[1:]

    def outer(self, theta: Array, u: Array, weights: Array) -> tuple[Array, Array]:
        """The gradients in theta and u of the sum of all entries of ``weights * (H seeds)``."""
        pieces = [piece for row in weights for piece in self.joint.effects(row)]
        return self.joint.parts(self._outer(*self.joint.arrays(theta, u), *pieces))

    def _seen(self, *x: Any) -> list[Any]:
        gradient, slopes = self._in_u.backwards(x, self._random)
        products = [slopes([piece if np.any(piece) else None for piece in seed])
                    for seed in self._seeds]
        return sum(products, gradient)

    def _weighted(self, *x: Any) -> list[Any]:
        _, slopes = self._inner.backwards(x[: self._n], range(self._n))
        return slopes([None] * len(self._random) + list(x[self._n :]))


def _numbers(name: str, value: ArrayLike) -> Array:
    try:
        numbers = np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the start of {name} must be numbers, in one array") from error
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"the start of {name} is not finite")
    return numbers


def _flat(pieces: Sequence[Array]) -> Array:
    return np.concatenate([np.zeros(0), *(np.ravel(piece) for piece in pieces)])


def _places(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[slice, tuple[int, ...]]]:
    """For each parameter its places in the vector, and its shape."""
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes.values()]
    ends = np.cumsum(sizes, dtype=int)
    return [(slice(end - size, end), shape)
            for end, size, shape in zip(ends, sizes, shapes.values(), strict=True)]


def _shaped(places: list[tuple[slice, tuple[int, ...]]], x: Array) -> list[Array]:
    return [x[place].reshape(shape) for place, shape in places]
