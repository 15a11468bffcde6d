"""What can go wrong, one name each."""


class ProofError(ValueError):
    """The root of the checker's own errors."""


class ShapeError(ProofError):
    """Sizes that do not compose: a product, a sum, a trace that is not defined."""


class UnknownSymbolError(ProofError):
    """A symbol that the setting has not declared."""


class StepError(ProofError):
    """A step that is false, or that is true on instances but was not proved."""


class RefutationError(ProofError):
    """A claim that was to be refuted, and for which no counterexample was found."""


class UntestedError(ProofError):
    """No exact instance satisfies the assumptions, so nothing was tested."""


class CertificateError(RuntimeError):
    """A certificate that does not multiply out: the search is wrong, nothing was proved."""


class SoundnessError(RuntimeError):
    """A claim both proved and refuted: the checker itself is wrong."""
