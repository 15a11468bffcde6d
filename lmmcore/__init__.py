"""lmmcore: maximum likelihood and REML in linear mixed models, the book's algebra made to run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "load": "data",
    "LinearMixedModel": "model",
    "grouped": "model",
    "from_groups": "model",
    "from_formula": "formula",
    "whitened": "known_errors",
    "AR1": "autoregression",
    "RandomWalk": "autoregression",
    "Diagonal": "covariance",
    "ScaledIdentity": "covariance",
    "Unstructured": "covariance",
    "independent": "covariance",
    "repeated": "covariance",
    "series": "autoregression",
    "SeriesProfile": "tridiagonal",
    "ErrorsProfile": "correlated_errors",
    "Profile": "profile",
    "GroupedProfile": "structure",
    "CrossedProfile": "crossed",
    "VectorTermsProfile": "vector_terms",
    "CrossProducts": "sufficient",
    "fit": "fitting",
    "Fit": "results",
    "ConvergenceWarning": "fitting",
    "DroppedRowsWarning": "missing",
    "simulate": "simulation",
    "likelihood_ratio_test": "likelihood_ratio",
    "exact_test": "exact_null",
    "bootstrap": "bootstrapping",
    "bootstrap_test": "bootstrapping",
    "profile_intervals": "intervals",
    "f_test": "degrees_of_freedom",
    "t_tests": "degrees_of_freedom",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # a name is fetched when it is asked for, so that `import lmmcore` costs nothing
    if name in _HOME:
        return getattr(import_module(f"lmmcore.{_HOME[name]}"), name)
    raise AttributeError(f"module 'lmmcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
