"""lmmcore: maximum likelihood and REML in linear mixed models, the book's algebra made to run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "load": "data",
    "LinearMixedModel": "model",
    "grouped": "model",
    "from_groups": "model",
    "from_formula": "design.formula",
    "whitened": "design.known_errors",
    "AR1": "covariance.serial",
    "RandomWalk": "covariance.serial",
    "Diagonal": "covariance.structures",
    "ScaledIdentity": "covariance.structures",
    "Unstructured": "covariance.structures",
    "independent": "covariance.joined",
    "repeated": "covariance.joined",
    "series": "covariance.serial",
    "SeriesProfile": "fast.series",
    "ErrorsProfile": "fast.errors",
    "Profile": "profile",
    "GroupedProfile": "fast.groups",
    "CrossedProfile": "fast.crossed",
    "VectorTermsProfile": "fast.vector_terms",
    "CrossProducts": "fast.sums",
    "fit": "fitting",
    "Fit": "results",
    "ConvergenceWarning": "fitting",
    "DroppedRowsWarning": "design.missing",
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
