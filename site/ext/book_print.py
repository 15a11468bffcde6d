"""Sphinx extension: the book as one LaTeX document (make pdf).

The parts of the table of contents become parts, the solutions go to the end, derivations, tables
and figures are the form for print of the same run (tools/in_kernel.py), and the macros of the
formulas are those that the pages use.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.latex import LaTeXBuilder
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import new_document
from sphinx_exercise.nodes import is_exercise_node, solution_node
from sphinxcontrib.bibtex.nodes import bibliography as bibliography_node

LOGGER = logging.getLogger(__name__)
APART = ("chapters/api", "chapters/try")  # on the site only
FONTS = r"""\usepackage{unicode-math}
\setmainfont{TeX Gyre Pagella}[Ligatures=TeX]
\setsansfont{TeX Gyre Heros}[Scale=MatchLowercase]
\setmonofont{DejaVu Sans Mono}[Scale=0.82]
\setmathfont{TeX Gyre Pagella Math}
"""
PREAMBLE = Path(__file__).with_name("book_print.tex")


def tex(text: str) -> nodes.raw:
    return nodes.raw("", text, format="latex")


def heading(formula: str) -> nodes.raw:
    """Mathematics in a heading, with letters for the list of bookmarks."""
    letters = re.sub(r"\\(hat|tilde|bar|mathsf|mathcal)(?![a-zA-Z])|[{}_^$]|\\", "", formula)
    return tex(rf"\texorpdfstring{{${formula}$}}{{{letters.strip()}}}")


class Print(LaTeXBuilder):
    """LaTeX's builder, with the book's own order of things."""

    def assemble_doctree(self, indexfile, toctree_only, appendices):
        whole = new_document("<book>")
        whole["docname"] = indexfile
        book = nodes.section("", nodes.title("", "Title"))  # LaTeX's writer expects a first one
        whole += book
        self.docnames = {indexfile}
        site_map = self.env.external_site_map
        self.add(book, indexfile, r"\bookunnumbered")
        for part in site_map[indexfile].subtrees:
            front = part.caption == "Front matter"
            if part.caption == "Back matter":
                book += tex(r"\bookappendix" + "\n")
            if not front:
                book += tex(rf"\part{{{part.caption}}}" + "\n")
            for item in part.items:
                if item not in APART:
                    self.add(book, str(item), "" if not front else r"\bookunnumbered")
            if front:
                book += tex(r"\booknumbered" + "\n")
        solutions = self.solutions(book)
        if solutions is not None:
            back = [i + 1 for i, n in enumerate(book) if n.astext().startswith(r"\part{Back")]
            book.insert(back[0] if back else len(book), solutions)
        self.env.resolve_references(whole, indexfile, self)
        return whole

    def get_contentsname(self, indexfile):
        """Not the caption of the first part, which LaTeX's builder would take."""
        return "Contents"

    def add(self, book, docname, before=""):
        """A page's tree, without what only a site needs."""
        tree = self.env.get_doctree(docname)
        self.docnames.add(docname)
        for toctree in list(tree.findall(addnodes.toctree)):
            toctree.parent.remove(toctree)
        file = addnodes.start_of_file(docname=docname)
        if docname == self.config.master_doc:
            next(tree.findall(nodes.title)).children = [nodes.Text("Preface")]
        bibliography = next(tree.findall(bibliography_node), None)
        file.children = tree.children if bibliography is None else [bibliography]
        for child in file.children:
            child.parent = file
        if before:
            book += tex(before + "\n")
        book += file.children if docname == self.config.master_doc else [file]

    def solutions(self, book):
        """The chapter of solutions, taken from where they stand, or None if there are none."""
        title = "Solutions"
        chapter = nodes.section("", nodes.title("", title), ids=["solutions"], names=["solutions"])
        for file in list(book.findall(addnodes.start_of_file)):
            found = list(file.findall(solution_node))
            if not found:
                continue
            name = next(file.findall(nodes.title)).deepcopy()
            part = addnodes.start_of_file(docname=file["docname"])
            for node in found:
                node.parent.remove(node)
                part += node
            section = nodes.section("", name, ids=[f"solutions-{file['docname']}"])
            section += part
            chapter += section
        return chapter if len(chapter) > 1 else None


def forms_of(bundle) -> dict[str, nodes.Element]:
    """What an output is shown as, by the kind of form."""
    return {form["mime_type"]: form for form in bundle.children}


class Unmathematical(SphinxTransform):
    """The form for print of a table or verdict without formulas asks for no MathJax on its page."""

    default_priority = 700  # before Sphinx looks for mathematics

    def apply(self):
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            forms = forms_of(bundle)
            both = {"text/html", "text/latex"} <= set(forms)
            if both and 'class="math' not in forms["text/html"].astext():
                forms["text/latex"][:] = [tex(forms["text/latex"].astext())]


class Outputs(SphinxPostTransform):
    """What cells show, and boxes, in TeX. Before MyST-NB chooses among an output's forms."""

    default_priority = 3
    formats = ("latex",)

    def run(self):
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") == "cell_code":
                self.cell(cell)
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") == "mime_bundle":
                self.bundle(bundle)

    def cell(self, cell):
        """A figure or a table needs no code beside it in print, an untouched stub no verdict."""
        tags = {c.removeprefix("tag_") for c in cell.get("classes", [])}
        for part in list(cell.children):
            kind = part.get("nb_element") if isinstance(part, nodes.Element) else None
            hidden = kind == "cell_code_source" and tags & {"hide-input", "remove-input"}
            if hidden or (kind == "cell_code_output" and "stub" in tags):
                cell.remove(part)

    def bundle(self, bundle):
        """Of what a page shows as HTML: the form for print, which the kernel made beside it."""
        forms = forms_of(bundle)
        if "text/html" not in forms or "application/pdf" in forms:
            return
        if "text/latex" in forms:
            bundle.replace_self(tex(forms["text/latex"].astext() + "\n"))
        else:
            LOGGER.warning("what this cell shows has no form for print", location=bundle)


class Boxes(SphinxPostTransform):
    """Admonitions, exercises and solutions, after their titles are resolved."""

    default_priority = 900
    formats = ("latex",)

    def run(self):
        for node in list(self.document.findall(nodes.reference)):
            if "result" in node.get("classes", []):
                self.result(node)
        for node in list(self.document.findall(nodes.Element)):
            if is_exercise_node(node):
                page = self.env.sphinx_exercise_registry[node["label"]]["docname"]
                labels = f"exercise:{node['label']}", f"{page}:{node['label']}"
                self.box(node, "bookexercise", *labels)
            elif isinstance(node, solution_node):
                page = self.env.sphinx_exercise_registry[node["label"]]["docname"]
                self.box(node, "booksolution", f"{page}:{node['label']}")
            elif isinstance(node, nodes.admonition) and not isinstance(node.parent, nodes.document):
                hint = "hint" in node.get("classes", [])
                self.box(node, "bookhint" if hint else "booknote")

        for entry in self.document.findall(nodes.entry):
            if "text-right" in entry["classes"] and entry.children:
                entry.children[0].insert(0, tex(r"\hfill{}"))

        for title in self.document.findall(nodes.title):
            if isinstance(title.parent, nodes.section):
                for math in list(title.findall(nodes.math)):
                    math.replace_self(heading(math.astext()))

    def box(self, node, name, *labels):
        """An environment of the preamble, with the title as its argument."""
        title = node.children[0] if isinstance(node.children[0], nodes.title) else None
        inside = nodes.container("", is_div=True)
        anchor = "".join(rf"\bookanchor{{{label}}}" for label in labels)
        words = nodes.inline("", "", *(title.children if title is not None else []))
        inside += tex("\n" + anchor + rf"\begin{{{name}}}{{")
        head = nodes.inline("", "", words)
        inside += head
        inside += tex("}\n")
        inside.children += node.children[1:] if title is not None else node.children
        for child in inside.children:
            child.parent = inside
        inside += tex(f"\\end{{{name}}}\n")
        node.replace_self(inside)

    def result(self, node):
        name = node["refuri"].partition("#")[2]
        node.replace_self(
            [tex(rf"\hyperref[result:{name}]{{"), *node.children, tex("}")]
        )


def macros(config) -> str:
    """The macros that the pages' formulas may use, for TeX."""
    defined = config.mathjax3_config["tex"]["macros"]
    return "".join(rf"\def\{name}{{{body}}}" + "\n" for name, body in defined.items())


def configure(app, config):
    own = r"\AtBeginDocument{" + "%\n" + macros(config) + "}\n"
    config.latex_elements = {
        "papersize": "a4paper",
        "pointsize": "10pt",
        "fontpkg": FONTS,
        "fncychap": "",
        "babel": r"\usepackage[british]{babel}",
        "polyglossia": "",
        "sphinxsetup": "hmargin={28mm,28mm}, vmargin={24mm,28mm}",
        "preamble": PREAMBLE.read_text(encoding="utf-8") + own,
        "maketitle": rf"\booktitle{{{os.environ.get('LMMCORE_EDITION', '')}}}",
        "tableofcontents": r"\booktoc",
        "printindex": "",
        "makeindex": "",
        "extraclassoptions": "openany,oneside",
        "figure_align": "htbp",
    }


def setup(app):
    app.add_builder(Print, override=True)
    app.connect("config-inited", configure)
    app.add_transform(Unmathematical)
    app.add_post_transform(Outputs)
    app.add_post_transform(Boxes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
