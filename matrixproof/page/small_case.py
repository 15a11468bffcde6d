"""A derivation on one exact instance, for the reader who wants to see entries."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matrixproof.judges.counterexamples import Counterexample, used_names
from matrixproof.judges.exact import Unusable
from matrixproof.judges.instances import Instance
from matrixproof.judges.series import same
from matrixproof.language.errors import ProofError, SoundnessError
from matrixproof.language.expressions import as_scalar
from matrixproof.language.printing import sympy_latex

if TYPE_CHECKING:
    from matrixproof.page.derivation import Derivation


@dataclass
class SmallCase:
    """The lines of a derivation evaluated on one exact instance."""

    derivation: Derivation
    counterexample: Counterexample  # the same bundle of values; here the two sides agree

    @classmethod
    def draw(cls, derivation: Derivation, sizes: dict[str, int]) -> SmallCase:
        setting = derivation.setting
        unknown = set(sizes) - set(setting.dims)
        if unknown:
            raise ProofError(f"{', '.join(unknown)}: the dimensions are {', '.join(setting.dims)}")
        full = {d: sizes.get(name, 1) for name, d in setting.dims.items()}
        lines = [line.expression for line in derivation.lines]
        if any(line.shape is None for line in lines):  # a 1 x 1 matrix is read as a number, too
            lines = [as_scalar(line) for line in lines]
        used = used_names(derivation.setting, *lines)
        for attempt in range(60):
            try:
                instance = Instance(setting, full, random.Random(attempt), height=2)
                values = [instance.evaluate(line) for line in lines]
            except Unusable:
                continue
            if not all(same(values[0], v) for v in values):
                raise SoundnessError("the lines differ on an exact instance")
            return cls(derivation, Counterexample.of(instance, used, values[0], values[-1]))
        raise ProofError(f"no exact instance of the sizes {sizes} satisfies the assumptions")

    def __repr__(self) -> str:
        return str(self.counterexample).rsplit("\nright side", 1)[0].replace(
            "left side  =", "every line ="
        )

    def _repr_latex_(self) -> str:
        values, _ = self.counterexample.latex()
        common = sympy_latex(self.counterexample.left)
        return rf"$\displaystyle {values} \;\Rightarrow\; \text{{every line}} = {common}$"
