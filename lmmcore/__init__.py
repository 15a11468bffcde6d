"""lmmcore: maximum likelihood and REML in linear mixed models, the book's algebra made to run.

What a first fit meets, from the top, in the order in which to read it:

- ``model``: the model Y = X beta + Z U + eps, by its matrices; ``columns`` checks what they are
  made of;
- ``covariance``: the structures theta -> Lambda of the random effects, and of the errors;
- ``criterion``: -2 log likelihood of ML and of REML with beta and sigma2 profiled out, and all its
  derivatives, once for all structures; ``profile`` is its plainest form;
- ``maximisation``: four ways to its least value; ``fitting``: from a model to a fit;
- ``results`` and ``tables``: what a fit reports; ``data``: the data sets of the book.

And around these:

- ``design``: models from columns and factors, from a formula, of series in time, with rows missing;
- ``fast``: the same criterion for each kind of structure, at the cost that the structure allows;
- ``textbook``: each formula of the chapters by itself, dense and short, which the rest is held to;
- ``inference``: tests, degrees of freedom, intervals and the bootstrap;
- ``laplace``: likelihoods that are not normal, by Laplace's approximation and by quadrature.

Imports run one way, from ``covariance`` up. NumPy and SciPy are all that is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "load": "data",
    "LinearMixedModel": "model",
    "grouped": "design.grouped",
    "from_groups": "design.grouped",
    "whitened": "design.grouped",
    "from_formula": "design.formula",
    "DroppedRowsWarning": "design.missing",
    "AR1": "design.series",
    "RandomWalk": "design.series",
    "series": "design.series",
    "Diagonal": "covariance.structures",
    "ScaledIdentity": "covariance.structures",
    "Unstructured": "covariance.structures",
    "independent": "covariance.joined",
    "repeated": "covariance.joined",
    "fit": "fitting",
    "ConvergenceWarning": "fitting",
    "Fit": "results",
    "simulate": "inference.simulation",
    "likelihood_ratio_test": "inference.likelihood_ratio",
    "exact_test": "inference.exact_null",
    "bootstrap": "inference.bootstrap",
    "bootstrap_test": "inference.bootstrap",
    "profile_intervals": "inference.intervals",
    "f_test": "inference.degrees_of_freedom",
    "t_tests": "inference.degrees_of_freedom",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # a name is fetched when it is asked for, so that `import lmmcore` costs nothing
    if name in _HOME:
        return getattr(import_module(f"lmmcore.{_HOME[name]}"), name)
    raise AttributeError(f"module 'lmmcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
