"""In docstrings, |V| is a determinant, not one of reStructuredText's substitutions."""

import re


def escape_bars(app, what, name, obj, options, lines):
    for i, line in enumerate(lines):
        if "|" in line and not line.lstrip().startswith((">>>", "...", "+-", "| ")):
            pieces = re.split(r"(``.*?``|:\w+:`.*?`|`.*?`)", line)
            pieces[::2] = [re.sub(r"(?<!\\)\|", r"\\|", piece) for piece in pieces[::2]]
            lines[i] = "".join(pieces)


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", escape_bars, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
