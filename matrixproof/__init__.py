"""The derivation checker: what is shown is what was checked.

A chapter declares a `Setting` (dimensions, symbols, assumptions) and writes derivations in it.
Each line is first attacked with exact rational matrices, then proved for all dimensions by a
certificate that SymPy multiplies out, and only then displayed, from the object that was checked.

Examples
--------
>>> from matrixproof import Setting, eye
>>> s = Setting("n k")
>>> n, k = s.dimensions
>>> U, V = s.matrices("U: n,k; V: k,n")
>>> push = s.prove((eye(n) + U*V).I * U, U * (eye(k) + V*U).I)
>>> push.status
'proved'
"""

from matrixproof.judges.refutation import Refutation
from matrixproof.language.definite import definiteness
from matrixproof.language.errors import (
    CertificateError,
    ProofError,
    RefutationError,
    ShapeError,
    SoundnessError,
    StepError,
    UnknownSymbolError,
    UntestedError,
)
from matrixproof.language.expressions import (
    Expr,
    as_scalar,
    block,
    define,
    det,
    expectation,
    eye,
    lift,
    log,
    logdet,
    tr,
    zero,
)
from matrixproof.page.derivation import Derivation, Result, check
from matrixproof.page.entries import ByEntries, by_entries
from matrixproof.page.records import recall
from matrixproof.page.small_case import SmallCase
from matrixproof.search.citing import Lemma
from matrixproof.setting import Setting

__all__ = [
    "ByEntries",
    "CertificateError",
    "Derivation",
    "Expr",
    "Lemma",
    "ProofError",
    "Refutation",
    "RefutationError",
    "Result",
    "Setting",
    "ShapeError",
    "SmallCase",
    "SoundnessError",
    "StepError",
    "UnknownSymbolError",
    "UntestedError",
    "as_scalar",
    "block",
    "by_entries",
    "check",
    "define",
    "definiteness",
    "det",
    "expectation",
    "eye",
    "lift",
    "log",
    "logdet",
    "recall",
    "tr",
    "zero",
]
