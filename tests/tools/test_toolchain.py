"""What the toolchain promises: it builds a sound book, and refuses, in clear words, a broken one.

Each test works in a copy of the tree that has a few small chapters of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import nbformat
import pytest

import book_build
from tools import chapters, check_pages
from tools.chapters import ROOT

# these build small books; the book itself is built before the tests
BUILDS = pytest.mark.slow(
    3, guards=("tools/", "site/", "tests/tools/", "_config.yml", "requirements.txt", "conftest.py")
)
HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
GOOD = f"""{HEADER}# Good

A display, numbered:

```{{math}}
:label: def-good

\\tr(AB) = \\tr(BA)
```

And {{eq}}`def-good`.

```{{code-cell}}
import lmmcore

print(round(float(lmmcore.load("Dyestuff")["Yield"].mean()), 4))
```

```{{code-cell}}
:tags: [remove-input]

from myst_nb import glue

glue("six", 6, display=False)
```

There are {{glue}}`six` batches.
"""
PARTS = ["lmmbook", "lmmcore", "matrixproof", "site", "tools"]
FILES = ["_config.yml", "conftest.py", "pyproject.toml", "references.bib", "requirements.txt"]
FILES += ["Makefile", "README.md", "CITATION.cff", "requirements.in", "tests/sanitize.cfg"]
FILES += ["tests/lmmbook/book/test_recorded.py"]


@pytest.fixture
def tree(tmp_path):
    """A copy of this tree, without its chapters."""
    for part in PARTS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignore)
    (tmp_path / "tests/lmmbook/book").mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "chapters").mkdir()
    return tmp_path


def write(tree: Path, **pages: str) -> None:
    """Give the tree these chapters; the first is the root of the book."""
    for name, text in pages.items():
        (tree / "chapters" / f"{name}.md").write_text(text, encoding="utf-8")
    first, *rest = pages
    toc = f"format: jb-book\nroot: chapters/{first}\n"
    if rest:
        toc += "chapters:\n" + "".join(f"  - file: chapters/{name}\n" for name in rest)
    (tree / "_toc.yml").write_text(toc, encoding="utf-8")


def run(tree: Path, *command: str, **environ: str):
    """Run a tool of the tree: its exit code, and what it printed."""
    env = {**os.environ, **environ}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@BUILDS
def test_sound_book_is_built(tree):
    write(tree, good=GOOD, prose="# Prose\n\nOnly words, and $x^2$.\n")
    assert run(tree, "tools.record")[0] == 0  # the download takes glued numbers from it
    code, said = run(tree, "tools.book")
    assert code == 0, said
    assert re.search(r"^\[1/2\] chapters/good \.\.\. [\d.]+ s$", said, flags=re.M)
    assert re.search(r"^\[2/2\] chapters/prose \.\.\. ", said, flags=re.M)
    assert said.splitlines()[-1].startswith("The book is in _build/html/index.html")
    page = (tree / "_build/html/chapters/good.html").read_text(encoding="utf-8")
    assert "1527.5" in page
    assert "There are 6 batches" in re.sub(r"<[^>]+>", "", page)
    assert str(tree) not in page
    assert page.count("previews.js") == 1  # a link leads to the display
    assert "previews.js" not in (tree / "_build/html/chapters/prose.html").read_text("utf-8")


PLAIN = GOOD.partition("```{code-cell}\n:tags: [remove-input]")[0]  # nothing glued
FIGURE = f"""{HEADER}# Figure

```{{code-cell}}
---
mystnb:
  figure:
    caption: A line.
    name: fig-line
  image:
    alt: A line that rises.
---
from lmmbook.figures import new_figure

figure = new_figure(4, 3)
figure.subplots().plot([1, 2])
figure
```

```{{code-cell}}
from matrixproof import Setting, tr

s = Setting("n k")
A, B = s.matrices("A: n,k; B: k,n")
(s.derive(tr((A + B.T) * B))
  .step(tr(A * B) + tr(B.T * B), "multiply out")
  .named("by-hand", "By hand"))
```

```{{exercise}}
:label: ex-line
Draw it.
```

```{{solution-start}} ex-line
:class: dropdown
```

Here it is: $\\tr(A)$, {{numref}}`fig-line`.

```{{solution-end}}
```
"""


def differences(one: Path, other: Path) -> list[str]:
    command = ["diff", "-rq", "--exclude=timings.txt", str(one), str(other)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


@BUILDS
def test_two_builds_in_two_folders_are_the_same_bytes(tree, tmp_path_factory):
    write(tree, good=PLAIN, figure=FIGURE)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(tree, elsewhere, dirs_exist_ok=True)
    builds = [folder / "_build/html" for folder in (tree, elsewhere)]
    for folder in (tree, elsewhere):
        code, said = run(folder, "tools.book")
        assert code == 0, said
    assert differences(*builds) == []
    assert "fig-line" in (builds[0] / "chapters/figure.html").read_text(encoding="utf-8")
    timings = (builds[0] / "timings.txt").read_text(encoding="utf-8")
    assert re.search(r"^ +[\d.]+ s  figure$", timings, flags=re.M)
    page = builds[1] / "chapters/good.html"
    page.write_text(page.read_text(encoding="utf-8").replace("Good", "Bad"))
    (found,) = differences(*builds)
    assert "chapters/good.html differ" in found


def test_folders_of_the_machine_do_not_identify_a_build():
    def hashed(**settings):
        named = [SimpleNamespace(name=k, value=v) for k, v in settings.items()]
        config = SimpleNamespace(filter=lambda categories: named)
        app = SimpleNamespace(builder=SimpleNamespace(format="html"), config=config, tags=[])
        book_build.identify(app)
        return app.builder.build_info.config_hash

    here = hashed(html_title="A", html_static_path=["/here/_static"], templates_path=["/here"])
    there = hashed(html_title="A", html_static_path=["/there/_static"], templates_path=["/there"])
    assert here == there != hashed(html_title="B", html_static_path=[], templates_path=[])


@BUILDS
def test_a_kept_run_is_used_until_something_it_read_changes(tree):
    """No stale number: `make serve` and `make pdf` run a chapter again when its data changed."""
    write(tree, good=PLAIN, prose="# Prose\n\nWords.\n")
    page = tree / "_build/html/chapters/good.html"
    assert run(tree, "tools.book")[0] == 0
    (kept,) = (tree / "_build/executed").glob("good-*.json")
    reads = json.loads(kept.read_text(encoding="utf-8"))["reads"]
    assert {"lmmcore/data/Dyestuff.csv", "lmmcore/data.py", "requirements.txt"} <= set(reads)
    # a mark in the kept run shows whether it is used
    kept.write_text(kept.read_text(encoding="utf-8").replace("1527.5", "KEPT"))

    again = {"LMMCORE_RUNS": "kept"}
    assert run(tree, "tools.book", **again)[0] == 0
    assert "KEPT" in page.read_text(encoding="utf-8")
    data = tree / "lmmcore/data/Dyestuff.csv"
    data.write_text(data.read_text().replace("1545", "1845", 1))
    assert run(tree, "tools.book", **again)[0] == 0
    assert "1537.5" in page.read_text(encoding="utf-8")
    code, said = run(tree, "tools.book")  # make book never uses one
    assert code == 0, said


@BUILDS
def test_public_address_makes_canonical_links_and_a_sitemap(tree):
    write(tree, good=PLAIN, prose="# Prose\n\nOnly words.\n")
    settings = tree / "_config.yml"
    address = "https://book.example/reml/"
    settings.write_text(settings.read_text().replace('baseurl: ""', f'baseurl: "{address}"'))
    code, said = run(tree, "tools.book")
    assert code == 0, said
    page = (tree / "_build/html/chapters/prose.html").read_text(encoding="utf-8")
    assert f'<link rel="canonical" href="{address}chapters/prose.html" />' in page
    names = ElementTree.parse(tree / "_build/html/sitemap.xml").getroot()
    places = [x.text for x in names.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert places == [f"{address}chapters/{name}.html" for name in ("good", "prose")]


LATEX = shutil.which("latexmk") and shutil.which("xelatex")


@BUILDS
@pytest.mark.skipif(not LATEX, reason="LaTeX is not installed, so no PDF was made: see make pdf")
def test_pdf_is_set_and_offered(tree):
    write(tree, good=PLAIN, figure=FIGURE)
    code, said = run(tree, "tools.book")
    assert code == 0, said
    site = (tree / "_build/html/chapters/good.html").read_text(encoding="utf-8")
    assert "book.pdf" not in site, "no link to a file that is not there"
    code, said = run(tree, "tools.pdf")
    assert code == 0, said
    assert (tree / "_build/html/book.pdf").read_bytes().startswith(b"%PDF-")
    site = (tree / "_build/html/chapters/good.html").read_text(encoding="utf-8")
    assert site.count('href="../book.pdf"') == 1
    source = (tree / "_build/print/_build/latex/book.tex").read_text(encoding="utf-8")
    figures = re.findall(r"includegraphics(?:\[[^]]*\])?\{\{(\w+)\}\.(\w+)\}", source)
    assert [kind for _, kind in figures] == ["pdf"]
    assert r"\begin{bookderivation}{By hand}" in source
    assert source.index(r"\chapter{Solutions}") > source.index(r"\begin{bookexercise}")
    shutil.rmtree(tree / "_build/html")
    code, said = run(tree, "tools.pdf", LMMCORE_SOLUTIONS="no")
    assert code == 0, said
    source = (tree / "_build/print/_build/latex/book.tex").read_text(encoding="utf-8")
    assert "Here it is" not in source


def test_missing_latex_is_said(tree):
    (tree / "empty").mkdir()
    code, said = run(tree, "tools.pdf", PATH=str(tree / "empty"))
    assert code == 1
    assert said.startswith("error: make pdf needs LaTeX; not found: latexmk")
    assert "apt install latexmk texlive-xetex" in said


@BUILDS
def test_failures_name_chapter_and_cell(tree):
    step = f"""{HEADER}# Step

```{{code-cell}}
a = 1
```

Words.

```{{code-cell}}
:tags: [hide-input]

class StepError(Exception):
    pass


def check():
    raise StepError("line 2 is false:\\nA = [1]")


check()
```
"""
    noise = f"{HEADER}# N\n\n```{{code-cell}}\nimport sys\n\nsys.stderr.write('oh')\n```\n"
    lost = "# Lost\n\nSee {eq}`nowhere`, {ref}`nothing` and {cite}`nobody2000`.\n"
    strange = "# Strange\n\n```{strange-directive}\nwhat\n```\n"
    write(tree, good=PLAIN, step=step, noise=noise, lost=lost, strange=strange)
    code, said = run(tree, "tools.book")
    assert code == 1
    where = step.splitlines().index("check()") + 1
    assert f"error: chapters/step.md, cell 2 (line {where}): StepError: line 2 is false:" in said
    assert "A = [1]" in said
    assert "error: chapters/noise.md, cell 1 (line 15): writes to stderr: oh" in said
    assert re.search(r"chapters/lost\.md.*nowhere", said)
    assert re.search(r"chapters/lost\.md.*nothing", said)
    assert re.search(r"nobody2000", said)
    assert re.search(r"chapters/strange\.md:3: error: .*strange-directive", said)
    assert "Traceback" not in said
    assert re.search(r"^error: the book did not build: \d+ problems", said.splitlines()[-1])


@BUILDS
def test_bad_mathematics_fails(tree):
    bad = f"""{HEADER}# Bad

A missing brace: $\\frac{{1}}{{2$, an unknown macro: $\\unknownmacro x$.

$$
\\begin{{pmatrix}} 1 & 2 \\end{{bmatrix}}
$$

A price of 5$ is stray.

```{{code-cell}}
from IPython.display import HTML, Math

display(Math(r"\\left( x"))
HTML(r'<div class="derivation"><p>\\(\\alsounknown\\)</p></div>')
```
"""
    write(tree, good=PLAIN, bad=bad)
    code, said = run(tree, "tools.book")
    assert code == 1, said
    assert "chapters/bad.md (line 14): TeX is not seen by MathJax, unbalanced braces?" in said
    assert "chapters/bad.md (line 14): TeX does not parse: Undefined control sequence" in said
    assert "chapters/bad.md (line 17): TeX does not parse" in said
    assert "chapters/bad.md, output of cell 1: TeX does not parse: Extra \\left" in said
    assert r"chapters/bad.md, output of cell 1: TeX does not parse: Undefined control" in said
    assert "a stray $ in the text: A price of 5$ is stray." in said
    assert "chapters/good" not in said.partition("checking the pages")[2]
    assert not (tree / "_build/html/index.html").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\nkernelspec: [\n---\n# A\n", r"line \d: the YAML header is broken"),
        ("---\nkernelspec: 1\n\n# A\n", "is not closed"),
        ("# A\n\n```{code-cell}\nx = 1\n```\n", "no kernelspec"),
        (f"{HEADER}# A\n\n```{{code-cell}}\n:tags: [raises-exception]\n\nx\n```\n", "would hide"),
        (f"{HEADER}# A\n\n```{{code-cell}}\n# NBVAL_SKIP\nx\n```\n", "would hide"),
        (f"{HEADER}# A\n\n```{{code-cell}}\n:tags: [a\n\nx\n```\n", "broken YAML"),
        ("# A\n\nWords $$\nx\n$$\n", r"line 3: \$\$ after text"),
        ("# A\n\n$$\nx\n", "is not closed"),
        ("# A\n\nIt follows\nthat $x = 2y$.\n", r"line 4: the inline formula x = 2y claims"),
        ("# A\n\nWords\n$$\nx\n$$\n", r"line 4: a display needs an empty line above"),
    ],
)
def test_broken_sources_are_seen_before_anything_runs(tmp_path, monkeypatch, text, message):
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    (tmp_path / "chapters").mkdir()
    write(tmp_path, broken=text)
    found = chapters.check_sources()
    assert len(found) == 1
    assert re.search(rf"^chapters/broken\.md.*{message}", found[0])


def test_table_of_contents_and_chapters_agree(tmp_path, monkeypatch):
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    (tmp_path / "chapters").mkdir()
    write(tmp_path, one="# One\n", two="# Two\n")
    (tmp_path / "chapters/two.md").rename(tmp_path / "chapters/three.md")
    assert chapters.check_sources() == [
        "chapters/two.md: is named in _toc.yml, but there is no such file",
        "chapters/three.md: is not in _toc.yml",
    ]


def test_cells_are_found_where_they_are(tmp_path):
    page = tmp_path / "a.md"
    page.write_text(
        "````{code-cell}\n:tags: [a, b]\n\nx = 1\n````\n\n```python\nnot_a_cell\n```\n"
        "```{code-cell} ipython3\n---\ntags: [c]\n---\ny = 2\n```\n",
        encoding="utf-8",
    )
    first, second = chapters.cells(page)
    assert (first.number, first.line, first.code, first.tags) == (1, 4, "x = 1", ("a", "b"))
    assert (second.number, second.line, second.code, second.tags) == (2, 14, "y = 2", ("c",))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<p>costs 5$</p>", "stray"),
        ("<p>\\(x\\)</p>", "TeX outside"),
        ("<p>see {eq}`x`</p>", "role"),
        ("<p>| a | b |\n|---|--:|\n| 1 | 2 |</p>", "table"),
        ("<p>in {py:mod:<code>lmmcore.data</code>}</p>", "role"),
        ('<p>a <span class="math">\\[x\\]</span></p>', "fallen"),
        (
            '<div class="cell"><div class="cell_input">1</div>'
            '<div class="cell_output"><div class="output stderr">no</div></div></div>',
            "cell 1: an output shows an error: no",
        ),
    ],
)
def test_pages_are_looked_at(body, problem):
    (found,) = check_pages.check_page("a.html", f"<article>{body}</article>")
    assert problem in found
    assert not check_pages.check_page("a.html", "<article><p>x <code>$y</code></p></article>")


def test_jupyter_book_2_is_refused(monkeypatch, capsys, tmp_path):
    from tools import book

    monkeypatch.setattr(book, "SITE", tmp_path)  # a failure removes the front page
    monkeypatch.setattr(book.metadata, "version", lambda name: "2.0.1")
    with pytest.raises(SystemExit) as stop:
        book.check_version()
    assert stop.value.code == 1
    assert "needs jupyter-book 1.x, but 2.0.1 is installed" in capsys.readouterr().err


def test_missing_result_is_an_error(monkeypatch, capsys, tmp_path):
    from tools import book

    monkeypatch.setattr(book, "BUILD", tmp_path)
    monkeypatch.setattr(book, "SITE", tmp_path / "html")
    monkeypatch.setattr(book, "check_sources", list)
    monkeypatch.setattr(book, "jupyter_book", lambda: (0, []))
    with pytest.raises(SystemExit) as stop:
        book.main()
    assert stop.value.code == 1
    assert "there is no _build/html/index.html" in capsys.readouterr().err


@BUILDS
def test_recording_replay_and_what_turns_them_red(tree):
    """Recorded twice, the bytes are the same; a number changed in lmmcore fails the replay."""
    write(tree, good=GOOD)
    recording = tree / "chapters/good.ipynb"
    replay = ("pytest", "-q", "-p", "no:xdist", "-o", "addopts=", "--nbval")
    replay += ("--nbval-current-env", "--nbval-sanitize-with=tests/sanitize.cfg")

    code, said = run(tree, "tools.record")
    assert code == 0, said
    first = recording.read_bytes()
    code, said = run(tree, "tools.record", "good")
    assert code == 0
    assert "unchanged" in said
    assert recording.read_bytes() == first

    code, said = run(tree, *replay, "chapters", "tests")
    assert code == 0, said

    data = tree / "lmmcore/data/Dyestuff.csv"
    text = data.read_text()
    assert "1545" in text
    data.write_text(text.replace("1545", "1546", 1))
    code, said = run(tree, *replay, "chapters")
    assert code == 1, said
    assert "1527.5333" in said
    data.write_text(text)

    source = tree / "chapters/good.md"
    source.write_text(source.read_text().replace(", 4))", ", 3))"))
    code, said = run(tree, *replay, "tests")
    assert code == 1
    assert "chapters/good.md changed since it was recorded: make record CHAPTER=good" in said


def test_record_says_what_is_wrong(tree):
    path = f"{HEADER}# P\n\n```{{code-cell}}\nimport lmmcore\n\nprint(lmmcore.__file__)\n```\n"
    false = f"{HEADER}# F\n\n```{{code-cell}}\nassert 1 == 2, 'not so'\n```\n"
    write(tree, good=GOOD, path=path, false=false)
    code, said = run(tree, "tools.record", "path", "false")
    assert code == 1
    assert "error: chapters/path.md, cell 1 (line 15): an output names a path" in said
    assert "error: chapters/false.md, cell 1 (line 15): AssertionError: not so" in said
    assert not (tree / "chapters/false.ipynb").exists()
    code, said = run(tree, "tools.record", "nosuch")
    assert code == 1
    assert "no chapter is called nosuch" in said


def fake_python(folder: Path, code: str) -> dict[str, str]:
    """A python3, earlier on the path than the real one, that runs ``code`` first."""
    folder.mkdir()
    program = folder / "python3"
    real = sys.executable
    start = (
        f"import runpy, sys; {code}; del sys.argv[0]; name = sys.argv[0]; "
        "exec(sys.argv[1]) if name == '-c' else "
        "runpy.run_module(sys.argv[1], None, '__main__', True)"
    )
    program.write_text(f'#!/bin/sh\nexec "{real}" -c "{start}" "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def make(tree: Path, *arguments: str, **environ: str):
    outer = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKEOVERRIDES", "VENV")}
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=tree,
        env={**outer, **environ},  # nothing of the make that may have called us
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.strip().splitlines()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("goal", ["book", "test"])
def test_old_python_is_refused(tree, goal):
    environ = fake_python(tree / "bin", "sys.version_info = (3, 8, 10)")
    code, lines = make(tree, goal, **environ)
    assert code != 0
    assert lines[0].startswith("error: this book needs Python 3.11 or newer, but ")
    assert "is Python 3.8" in lines[0]
    assert not (tree / ".venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_no_python_is_said(tree):
    code, lines = make(tree, "book", "PYTHON=python3.nosuch")
    assert code != 0
    assert lines[0].startswith("error: there is no python3.nosuch here")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_missing_ensurepip_is_said(tree):
    environ = fake_python(
        tree / "bin",
        "import importlib.util as u; f = u.find_spec; "
        "u.find_spec = lambda n, *a: None if n == 'ensurepip' else f(n, *a)",
    )
    code, lines = make(tree, "book", **environ)
    assert code != 0
    assert lines[0].startswith("error: this Python (")
    assert "apt install python3-venv" in lines[0]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_no_network_is_said(tree):
    environ = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    environ |= {"PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}
    code, lines = make(tree, "book", f"PYTHON={sys.executable}", **environ)
    assert code != 0
    assert "error: the Python package index cannot be reached" in "\n".join(lines)
    assert not (tree / ".venv/.ready").exists()


def test_lock_for_the_browser_is_hashed_and_names_no_place():
    text = (ROOT / "site/try/browser/package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert packages["node_modules/pyodide"]["version"] == packages[""]["dependencies"]["pyodide"]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_lock_is_hashed_and_names_no_place():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|^\s*--(?!hash=)", text, flags=re.M)
    pins = re.findall(r"^([\w.-]+)==", text, flags=re.M)
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
    assert len(pins) == len(blocks) > 50
    assert all("--hash=sha256:" in block for block in blocks)
    for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.search(rf"^{re.escape(line)}\b", text, flags=re.M), f"make lock: {line}"


def test_pieces_of_stdout_are_one_line_again(tmp_path):
    """A line that the kernel sent in two pieces; MyST-NB would break it where it was cut."""
    page = tmp_path / "page.md"
    cell = "import sys, time\nprint('one', end=' ', flush=True)\ntime.sleep(1)\nprint('line')"
    page.write_text(f"```{{code-cell}}\n{cell}\n```\n", encoding="utf-8")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    chapters.execute(notebook, page)
    (output,) = notebook.cells[0].outputs
    assert output.text == "one line\n"
