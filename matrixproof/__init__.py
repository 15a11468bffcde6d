"""Matrix identities, proved for all dimensions or refuted by a small exact counterexample.

Somebody declares a `Setting` (dimensions, symbols, assumptions) and writes derivations in it. Each
line is first attacked with exact rational matrices, then proved for all dimensions by a certificate
that two judges multiply out, and only then displayed, from the object that was checked.

The rooms, in the order in which they are read; each imports from those before it only:

- `matrixproof.language`: what can be said, and what is declared and assumed
- `matrixproof.algebra`: expressions multiplied out, into words of letters and numbers
- `matrixproof.judges`: what decides: two judges of certificates, and exact counterexamples
- `matrixproof.search`: where certificates are looked for, and what a proof takes for granted
- `matrixproof.page`: what is shown and kept: derivations, refutations, their records
- `matrixproof.slips`: wrong versions of lines, each of which has to be refused
- `matrixproof.setting`: where one begins: a `Setting` declares, derives, proves and refutes
- `matrixproof.recalling`: recorded results, proved again before they are cited

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
from matrixproof.page.refutation import Refutation
from matrixproof.page.small_case import SmallCase
from matrixproof.recalling import recall
from matrixproof.search.citing import Lemma
from matrixproof.setting import Setting

__version__ = "0.1.0"

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
