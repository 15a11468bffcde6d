"""What a derivation says that it assumes."""

from lmmcore.proof import Setting, block, eye, logdet


def test_an_inverted_block_matrix_is_named_as_it_was_typed():
    s = Setting("n k")
    n, k = s.dimensions
    A, B = s.matrices("A: n,k; B: k,n")
    M = block([[eye(n), -A], [B, eye(k)]])
    E = block([[eye(n), A], [0, eye(k)]])
    d = s.derive(logdet(eye(n) + A * B)).step(logdet(E * M), "").step(logdet(M), "")
    assumed = d.all_assumptions()
    assert len(assumed) == len(set(assumed))
    assert any("bmatrix" in text for text in assumed)
