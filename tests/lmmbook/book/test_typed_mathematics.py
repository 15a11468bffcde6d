"""Display mathematics that is typed, not rendered from a checked result, defines or states a model.

Every typed display is a MyST ``math`` directive whose label begins with ``def-`` or ``model-``; so
each is registered by its label, and none can pass for a result.
"""

import re

import pytest

from tools.chapters import ROOT

PAGES = sorted((ROOT / "chapters").glob("*.md"))
FENCE = re.compile(r"^(`{3,}|~{3,})\{(math|code-cell)[^\n]*\n(.*?)^\1\s*$", re.M | re.S)
ENVIRONMENT = re.compile(r"\\begin\{(align|gather|equation|aligned)")


def displays(text):
    """The typed displays of a page: (line, label or None)."""
    found, prose = [], []
    for line, source in enumerate(text.splitlines(), 1):
        prose.append((line, source))
    for match in FENCE.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        last = text.count("\n", 0, match.end()) + 1
        prose = [(n, s) for n, s in prose if not first <= n <= last]
        if match.group(2) == "math":
            label = re.search(r"^:label:\s*(\S+)", match.group(3), re.M)
            found.append((first, label and label.group(1)))
    found += [(n, None) for n, s in prose if "$$" in s or ENVIRONMENT.search(s)]
    return sorted(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_typed_displays_are_definitions_or_models(page):
    unregistered = [
        f"{page.name}, line {line}: {label or 'no label'}"
        for line, label in displays(page.read_text(encoding="utf-8"))
        if not label or not label.startswith(("def-", "model-"))
    ]
    assert not unregistered, "a claim must be rendered from a checked result: " + "; ".join(
        unregistered
    )


def test_an_unregistered_display_is_found():
    text = "Text\n\n$$\na = b\n$$\n\n```{math}\n:label: eq-x\nc = d\n```\n"
    assert [label for _, label in displays(text)] == [None, None, "eq-x"]
    assert displays("```{code-cell} ipython3\nprint('$$')\n```\n") == []
    assert displays("```{math}\n:label: def-x\na\n```\n") == [(1, "def-x")]
