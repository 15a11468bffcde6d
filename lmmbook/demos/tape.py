"""A matrix program written down as a list of operations: what automatic differentiation reads.

See the chapter "Automatic differentiation, four ways" (A18), where the list is read forwards for a
slope in one direction and backwards for the adjoints of all that went in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lmmcore.covariance.structures import Array


class Entry:
    """One matrix of a program, with the operation and the entries that it came from.

    Attributes
    ----------
    tape : MatrixTape
    operation : str
        A key of the tape's operations, or "given".
    sources : tuple of Entry
    value : (a, b) array
    """

    def __init__(self, tape: MatrixTape, operation: str, sources: tuple[Entry, ...], value: Array):
        self.tape, self.operation, self.sources, self.value = tape, operation, sources, value

    def __add__(self, other: Entry) -> Entry:
        return self.tape.write("sum", self, other)

    def __mul__(self, other: Entry) -> Entry:
        return self.tape.write("multiple", self, other)

    def __matmul__(self, other: Entry) -> Entry:
        return self.tape.write("product", self, other)

    @property
    def T(self) -> Entry:
        return self.tape.write("transpose", self)


class MatrixTape(list[Entry]):
    """The entries of a program, in the order in which they were computed.

    Parameters
    ----------
    operations : mapping
        From the names "sum", "multiple" (a 1 x 1 matrix times a matrix), "product", "transpose",
        and any others that are to be written, to functions of arrays (a, b).

    Examples
    --------
    >>> import numpy as np
    >>> tape = MatrixTape({"product": np.matmul, "transpose": np.transpose})
    >>> x = tape.given(np.array([[3.0], [4.0]]))
    >>> (x.T @ x).value.item(), [entry.operation for entry in tape]
    (25.0, ['given', 'transpose', 'product'])
    """

    def __init__(self, operations: Mapping[str, Callable[..., Array]]):
        super().__init__()
        self.operations = operations

    def given(self, value: Array) -> Entry:
        """A matrix (a, b) that the program starts from."""
        return self._append("given", (), value)

    def write(self, operation: str, *sources: Entry) -> Entry:
        """Apply an operation to entries, and write it down.

        Raises
        ------
        ValueError
            If the tape has no such operation, or a source is not an entry of this tape.
        """
        if operation not in self.operations:
            raise ValueError(f"this tape has no operation {operation!r}: add it to its operations")
        if any(getattr(source, "tape", None) is not self for source in sources):
            raise ValueError("both operands must be entries of one tape: wrap arrays with given()")
        value = self.operations[operation](*(source.value for source in sources))
        return self._append(operation, sources, value)

    def _append(self, operation: str, sources: tuple[Entry, ...], value: Array) -> Entry:
        self.append(Entry(self, operation, sources, value))
        return self[-1]
