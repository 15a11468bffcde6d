"""NumPy, imported when it is first used.

Where there is none, as on the page that runs Python in the reader's browser, the exercises whose
answers are expressions, derivations, letters or counterexamples work all the same.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Late:
        def __getattr__(self, name: str) -> Any:
            import numpy

            return getattr(numpy, name)

    np = _Late()


def is_numpy(value: Any, *kinds: str) -> bool:
    """Whether a value is an instance of one of NumPy's types, given by their names."""
    numpy = sys.modules.get("numpy")  # whoever has such a value has imported it
    return numpy is not None and isinstance(value, tuple(getattr(numpy, kind) for kind in kinds))
