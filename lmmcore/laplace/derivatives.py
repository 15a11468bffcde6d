"""A joint negative log density of named parameters, and its derivatives in two vectors.

Derivatives are by reverse automatic differentiation, of the gradient again for products with the
Hessian, and once more for the derivatives of the Hessian. No differences are taken. What is needed
at every step is traced once and then played from a tape.

Why autograd and not JAX. On two cores, for a Poisson model with 403 counts and 567 random effects:

    =================================  ========  ==========
                                       autograd  jax 0.10
    =================================  ========  ==========
    installed, without NumPy, SciPy    0.7 MB    380 MB
    import                             0.10 s    0.31 s
    compile all the derivatives        none      0.99 s
    value                              13 us     20 us
    gradient                           227 us    24 us
    product with the Hessian           504 us    20 us
    gradient of such a product         1.1 ms    24 us
    =================================  ========  ==========

A fit takes about a hundred products, so that JAX would have to fit the same model twenty times
before its compilation is paid for; and autograd runs plain NumPy code, where an error shows itself.
See the chapter "Laplace" (A18).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as onp
from numpy.typing import ArrayLike

from lmmcore.covariance import Array
from lmmcore.laplace.tape import Tape

try:
    import autograd.numpy as np
    from autograd import grad, make_vjp
except ImportError as missing:
    raise ImportError(
        "the Laplace approximations need autograd: pip install 'lmmcore[laplace]'"
    ) from missing


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
        unknown = [name for name in random if name not in start]
        if unknown:
            raise ValueError(f"no start is given for {', '.join(unknown)}: name it in start")
        if isinstance(random, str) or not random:
            raise ValueError("random must list at least one parameter, as in random=['u']")
        values = {name: onp.array(value, dtype=float) for name, value in start.items()}
        bad = [name for name, value in values.items() if not onp.all(onp.isfinite(value))]
        if bad:
            raise ValueError(f"the start of {', '.join(bad)} is not finite")
        self.density = density
        self.fixed = {name: v.shape for name, v in values.items() if name not in random}
        self.random = {name: v.shape for name, v in values.items() if name in random}
        self.theta0 = _flat([values[name] for name in self.fixed])
        self.u0 = _flat([values[name] for name in self.random])

    def parameters(self, theta: Any, u: Any) -> SimpleNamespace:
        """The parameters under their names, in their shapes."""
        return SimpleNamespace(**_shaped(self.fixed, theta), **_shaped(self.random, u))

    def __call__(self, theta: Any, u: Any) -> Any:
        """f(theta, u): infinite where the density overflows."""
        return self.density(self.parameters(theta, u))

    def value(self, theta: Array, u: Array) -> float:
        """f(theta, u) as a number; infinity where it overflows or is not a number."""
        with onp.errstate(all="ignore"):
            value = onp.asarray(self(theta, u))
        if value.ndim:
            raise ValueError(f"the joint density has shape {value.shape}: sum it to one number")
        return float(value) if onp.isfinite(value) else onp.inf

    def in_u(self, theta: Any, u: Any) -> tuple[Callable[[Any], Any], Any]:
        """v -> Hv with the Hessian H in u, and the gradient in u."""
        with onp.errstate(all="ignore"):
            return make_vjp(grad(self, 1), 1)(theta, u)

    def in_theta(self, theta: Any, u: Any) -> Any:
        """The gradient in theta."""
        return grad(self, 0)(theta, u)

    def mixed(self, theta: Any, u: Any, v: Any) -> Any:
        """f_theta_u v: the derivative in theta of the slope in u along v."""
        return make_vjp(grad(self, 1), 0)(theta, u)[0](v)

    def turned(self, theta: Any, u: Any, d: Any) -> Any:
        """How the slopes in theta and in u, in this order, change as theta moves along d."""
        p = len(d)

        def slope(x: Any) -> Any:
            return grad(self, 0)(x[:p], x[p:])

        return make_vjp(slope)(np.concatenate([theta, u]))[0](d)

    def of_hessian(self, theta: Any, u: Any, seeds: Array, weights: Any) -> tuple[Any, Any]:
        """The gradients in theta and u of the sum of all entries of ``weights * (H seeds)``.

        Parameters
        ----------
        seeds, weights : (c, k) arrays, a product a row
        """
        def total(theta: Any, u: Any) -> Any:
            product, _ = make_vjp(grad(self, 1), 1)(theta, u)
            return sum(np.dot(weights[j], product(seed)) for j, seed in enumerate(seeds))

        return grad(total, (0, 1))(theta, u)

    def names(self) -> list[str]:
        """The names of the entries of theta, such as ``beta[1]``."""
        return [
            name if shape == () else f"{name}[{', '.join(map(str, index))}]"
            for name, shape in self.fixed.items() for index in onp.ndindex(shape)
        ]


class Derivatives:
    """The derivatives that every step needs, each on a tape.

    Parameters
    ----------
    joint : Joint
    seeds : (c, k) array
        The vectors whose products with the Hessian show all its entries.
    theta, u : arrays
        Where the tapes are written.
    """

    def __init__(self, joint: Joint, seeds: Array, theta: Array, u: Array) -> None:
        self.joint, self.seeds = joint, seeds
        self._sizes = onp.array([len(theta), len(u)])
        self._inner = Tape(lambda x: self._fresh_inner(*self._split(x)), onp.hstack([theta, u]))
        if len(theta):
            self._outer = Tape(lambda x: self._fresh_outer(*self._split(x)),
                               onp.hstack([theta, u, seeds.ravel()]))
            self._mixed = Tape(lambda x: joint.mixed(*self._split(x)), onp.hstack([theta, u, u]))
            self._turned = Tape(lambda x: joint.turned(*self._split(x)),
                                onp.hstack([theta, u, theta]))

    def inner(self, theta: Array, u: Array) -> tuple[Array, Array]:
        """The gradient of f in u, (k,), and the products of its Hessian with the seeds, (c, k)."""
        rows = self._inner(onp.hstack([theta, u])).reshape(-1, len(u))
        return rows[0], rows[1:]

    def outer(self, theta: Array, u: Array, weights: Array) -> tuple[Array, Array, Array]:
        """The gradient of f in theta, and :meth:`Joint.of_hessian` with these weights."""
        out = self._outer(onp.hstack([theta, u, weights.ravel()]))
        p = len(theta)
        return out[:p], out[p : 2 * p], out[2 * p :]

    def mixed(self, theta: Array, u: Array, v: Array) -> Array:
        """f_theta_u v."""
        return self._mixed(onp.hstack([theta, u, v]))

    def turned(self, theta: Array, u: Array, d: Array) -> Array:
        """f_u_theta d: how the slope in u changes as theta moves along d."""
        return self._turned(onp.hstack([theta, u, d]))[len(theta) :]

    def rows(self, theta: Array, u: Array) -> tuple[Array, Array]:
        """f_theta_theta, and f_theta_u with a row for each entry of theta."""
        p = len(theta)
        rows = [self._turned(onp.hstack([theta, u, unit])) for unit in onp.eye(p)]
        rows = onp.array(rows).reshape(p, p + len(u))
        return rows[:, :p], rows[:, p:]

    def verify(self, theta: Array, u: Array) -> None:
        """Play every tape at other numbers than it was written for, and calculate afresh.

        Raises
        ------
        ValueError
            If the results differ.
        """
        x = onp.hstack([theta, u])
        pairs = [(self._inner, self._fresh_inner, x)]
        if len(theta):
            pairs += [(self._outer, self._fresh_outer, onp.hstack([x, self.seeds.ravel()])),
                      (self._mixed, self.joint.mixed, onp.hstack([x, u])),
                      (self._turned, self.joint.turned, onp.hstack([x, theta]))]
        for tape, fresh, y in pairs:
            with warnings.catch_warnings(), onp.errstate(all="ignore"):
                warnings.filterwarnings("ignore", "Output seems independent of input")
                played, truth = tape(y), fresh(*self._split(y))
            scale = DIFFERENT * onp.nanmax(onp.abs(truth), initial=1e-300)
            if not onp.allclose(played, truth, rtol=DIFFERENT, atol=scale, equal_nan=True):
                raise ValueError(
                    "the joint density is calculated in another way at other parameters (an `if`, "
                    "an absolute value, or numbers taken out of them?): write it with np.where"
                )

    def _fresh_inner(self, theta: Any, u: Any) -> Any:
        product, gradient = self.joint.in_u(theta, u)
        return np.concatenate([gradient, *(product(seed) for seed in self.seeds)])

    def _fresh_outer(self, theta: Any, u: Any, weights: Any) -> Any:
        weights = np.reshape(weights, self.seeds.shape)
        h_theta, h_u = self.joint.of_hessian(theta, u, self.seeds, weights)
        return np.concatenate([self.joint.in_theta(theta, u), h_theta, h_u])

    def _split(self, x: Any) -> list[Any]:
        """theta, u and, if there is more, the rest."""
        p, end = self._sizes[0], onp.sum(self._sizes)
        pieces = [x[:p], x[p:end]]
        return pieces + [x[end:]] if len(x) > end else pieces


def _flat(values: list[Array]) -> Array:
    return onp.concatenate([v.ravel() for v in values]) if values else onp.zeros(0)


def _shaped(shapes: Mapping[str, tuple[int, ...]], vector: Any) -> dict[str, Any]:
    """The pieces of a vector; ``reshape`` also where autograd traces it."""
    pieces, begin = {}, 0
    for name, shape in shapes.items():
        end = begin + int(onp.prod(shape, dtype=int))
        pieces[name] = vector[begin] if shape == () else np.reshape(vector[begin:end], shape)
        begin = end
    return pieces
