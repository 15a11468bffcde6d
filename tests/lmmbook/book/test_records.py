"""The files of the results: as the writer writes them, and small."""

import json

from lmmbook.records import FOLDER
from matrixproof.page.records import as_text

FILES = sorted(FOLDER.glob("*.json"))
BYTES = 2_500_000  # of all files together; with their trees indented they had 12.4 million


def size(texts):
    return sum(len(text.encode("utf-8")) for text in texts)


def test_the_files_are_as_they_are_written():
    """Also what another hand wrote; `make record` mends it."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text == as_text(json.loads(text)), path.name


def test_the_records_are_small():
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    assert size(texts) <= BYTES
    indented = [json.dumps(json.loads(t), indent=1, ensure_ascii=False) for t in texts]
    assert size(indented) > 4 * BYTES
