"""The tape of the chapter "Automatic differentiation, four ways"."""

import numpy as np
import pytest

from lmmbook.demos.tape import MatrixTape

OPERATIONS = {"sum": np.add, "multiple": np.multiply, "product": np.matmul,
              "transpose": np.transpose, "inverse": np.linalg.inv}  # fmt: skip


def test_operations_are_written_in_order_with_their_values():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    tape = MatrixTape(OPERATIONS)
    A, B, two = tape.given(a), tape.given(b), tape.given(np.array([[2.0]]))
    end = (two * (B.T @ tape.write("inverse", A) @ B)) + tape.given(np.eye(2))
    assert end is tape[-1]
    assert [entry.operation for entry in tape] == [
        *["given"] * 3, "transpose", "inverse", "product", "product", "multiple", "given", "sum"
    ]  # fmt: skip
    np.testing.assert_allclose(end.value, 2 * b.T @ np.linalg.inv(a) @ b + np.eye(2))
    for place, entry in enumerate(tape):
        assert all(tape.index(source) < place for source in entry.sources)


def test_bad_operands_are_named():
    tape, other = MatrixTape(OPERATIONS), MatrixTape(OPERATIONS)
    A = tape.given(np.eye(2))
    with pytest.raises(ValueError, match="no operation 'logdet'"):
        tape.write("logdet", A)
    with pytest.raises(ValueError, match="entries of one tape"):
        A @ other.given(np.eye(2))
    with pytest.raises(ValueError, match="entries of one tape"):
        A + np.eye(2)
