"""A proof whose certificates are spoilt in every single place, each of which a judge must see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from unittest import mock

from matrixproof.judges import second_judge
from matrixproof.judges.kernel import Consequence
from matrixproof.language.declarations import Declarations
from matrixproof.language.expressions import Expr
from matrixproof.search import prover
from matrixproof.search.certificates import Certified

LONGEST = 60  # letters to a word: as many keep a chance agreement of the second judge improbable


def proof_is_judged_right(setting: Declarations, lhs: Expr, rhs: Expr) -> None:
    """Prove lhs = rhs, and see both judges reject what is spoilt."""
    matrices, scalars = certificates_of(setting, lhs, rhs)
    assert matrices or scalars
    for target, certificate, algebra in matrices:
        relations = algebra.relations
        words = [len(a) + len(w) + len(b) for a, j, b in certificate for w in relations[j].terms]
        assert max(words, default=0) < LONGEST
        for kind, wrong in Certified(target, certificate, algebra).spoilt():
            first, second = wrong.judges()
            if kind in ("omitted", "sign", "coefficient"):
                assert not first and not second, (kind, wrong)
            else:  # another term may be the same product: (J p) J = J (p J)
                assert first == second, (kind, wrong)
    for claim, found in scalars:
        for wrong in spoilt_consequences(found):
            assert not second_judge.follows(claim, wrong), wrong
        assert not second_judge.follows(claim + 1, found)


def certificates_of(setting: Declarations, lhs: Expr, rhs: Expr) -> tuple[list, list]:
    """What a proof puts before the second judge: of matrices, and of scalars."""
    with (mock.patch.object(second_judge, "multiplies_out",
                            side_effect=second_judge.multiplies_out) as of_matrices,
          mock.patch.object(second_judge, "follows",
                            side_effect=second_judge.follows) as of_scalars):  # fmt: skip
        assert prover.prove(setting, lhs, rhs).proved
    return ([call.args for call in of_matrices.call_args_list],
            [call.args for call in of_scalars.call_args_list])  # fmt: skip


def spoilt_consequences(found: Consequence) -> Iterator[Any]:
    for k, step in enumerate(found.solved):
        for value in (step.value + 1, -step.value, 2 * step.value):
            if value != step.value:
                changed = dataclasses.replace(step, value=value)
                solved = [*found.solved[:k], changed, *found.solved[k + 1 :]]
                yield dataclasses.replace(found, solved=solved)
