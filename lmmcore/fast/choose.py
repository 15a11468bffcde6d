"""Which form of the criterion suits a model: by its structure, and by its size.

See the chapter "What a fit costs" (B37).
"""

from __future__ import annotations

from lmmcore.criterion import Criterion
from lmmcore.fast.crossed import CrossedProfile, has_scalar_terms
from lmmcore.fast.errors import ErrorsProfile
from lmmcore.fast.groups import GroupedProfile, has_groups
from lmmcore.fast.series import SeriesProfile, has_series
from lmmcore.fast.sums import SummarisedModel, SummarisedProfile
from lmmcore.fast.vector_terms import VectorTermsProfile, has_vector_terms
from lmmcore.model import LinearMixedModel
from lmmcore.profile import Profile

Coupled = GroupedProfile | Profile  # the forms that have Z'W^-1Z and Z'W^-1X
FEW_LEVELS = 200  # up to here the general form is as fast as the crossed one, and more exact
FEW_EFFECTS = 100  # likewise, for terms of several effects


def criterion_for(model: LinearMixedModel | SummarisedModel, method: str) -> Criterion:
    """The form that suits the model's structure and size.

    Parameters
    ----------
    model : LinearMixedModel or SummarisedModel
    method : {"REML", "ML"}
    """
    if isinstance(model, SummarisedModel):
        return SummarisedProfile(model, method)
    if model.errors is not None:
        return ErrorsProfile(model, method)
    if has_series(model):
        return SeriesProfile(model, method)
    if has_scalar_terms(model) and model.k > FEW_LEVELS:
        return CrossedProfile(model, method)
    if has_vector_terms(model) and not has_scalar_terms(model) and model.k > FEW_EFFECTS:
        return VectorTermsProfile(model, method)
    return coupled_criterion_for(model, method)


def coupled_criterion_for(model: LinearMixedModel, method: str) -> Coupled:
    """The form that also has Z'W^-1Z and Z'W^-1X: group by group, or as large as Gamma."""
    return GroupedProfile(model, method) if has_groups(model) else Profile(model, method)
