"""Sphinx extension: pages load no more than they use.

The theme's script with two thousand icons (1.5 MB) gives way to the drawings of the dozen that the
pages show, its fonts of icons to the few that its style sheets show by themselves; MathJax comes as
the parts that the book uses, without its menu (_config.yml).
"""

from __future__ import annotations

import logging
import re
from html import escape
from pathlib import Path

from sphinx.errors import ExtensionError

SCRIPT = re.compile(r'\s*<(?:script|link)[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?')
ICON = re.compile(
    r'<(i|span) class="((?:[^"]* )?fa(?:s|r|b|-solid|-regular|-brands) [^"]*)"([^>]*)>\s*</\1>'
)
STYLES = {"fa-solid", "fas", "fa-regular", "far", "fa-brands", "fab", "fa-lg", "fa-fw"}


def drawing(library: str, name: str) -> tuple[str, str, str]:
    """Width, height and path of an icon: in the theme's own script the last of a name is solid."""
    found = re.findall(
        rf'[,{{]"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","([^"]+)"\]', library
    )
    if not found:
        raise ExtensionError(f"the theme has no icon {name}")
    return found[-1]


def lighten_fonts(static: Path) -> None:
    """Of the fonts of icons, what the style sheets show without a class that names an icon."""
    from fontTools import subset

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of each table otherwise
    shown: set[int] = set()
    for sheet in sorted(static.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        for selector, body in re.findall(r"([^{}]*)\{([^{}]*)\}", text):
            if not selector.strip().startswith(".fa-"):
                shown |= {int(x, 16) for x in re.findall(r"\\(f[0-9a-f]{3})\b", body)}
                shown |= {ord(x) for x in re.findall("[\uf000-\uf8ff]", body)}  # not escaped
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    for name in sorted(fonts.glob("*.ttf")):
        options = subset.Options(notdef_outline=True, layout_features=[], hinting=False)
        font = subset.load_font(name, options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=shown)
        cutter.subset(font)
        subset.save_font(font, name, options)
        name.with_suffix(".woff2").unlink()
    for sheet in static.rglob("*.css"):
        old = sheet.read_text(encoding="utf-8")
        new = re.sub(r'url\([^)]*fa-[^)]*\.woff2\) format\("woff2"\), ?', "", old)
        if new != old:
            sheet.write_text(new, encoding="utf-8")


def lighten(app, exception):
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    script = out / "_static" / "scripts" / "fontawesome.js"
    library = script.read_text(encoding="utf-8")

    def svg(match: re.Match) -> str:
        classes = match[2].split()
        name = next(c for c in classes if c.startswith("fa-") and c not in STYLES)
        width, height, path = drawing(library, name.removeprefix("fa-"))
        mode = re.search(r'data-mode="[^"]*"', match[3])
        return (
            f'<svg class="svg-inline--fa {escape(" ".join(classes))}" aria-hidden="true" '
            f'focusable="false" {mode[0] if mode else ""} xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {width} {height}"><path fill="currentColor" d="{path}"/></svg>'
        )

    for page in sorted(out.rglob("*.html")):
        old = page.read_text(encoding="utf-8")
        new = ICON.sub(svg, SCRIPT.sub("", old))
        if new != old:
            page.write_text(new, encoding="utf-8")
    lighten_fonts(out / "_static")
    for file in script.parent.glob("fontawesome.js*"):
        file.unlink()


def setup(app):
    app.connect("build-finished", lighten, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
