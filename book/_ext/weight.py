"""Pages that load what they use: one style sheet with the rules that some page needs, and only the icons that occur.

When all pages are written, the style sheets that they name are joined in their order, rules whose classes and ids occur
on no page and in no script are left out, the icon fonts are cut down to the signs in use and put into the sheet, and
the pages are changed to load it. Which words occur is read off the pages and scripts themselves; there is no list.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

SHEET = "book.bundle.css"
ICONS = "fontawesome"
STYLE = re.compile(r'<link\b[^>]*\brel="stylesheet"[^>]*?>', flags=re.IGNORECASE)
HREF = re.compile(r'\b(?:href|src)="([^"?#]*)')
PRELOAD = re.compile(r'\s*<link\b[^>]*\brel="preload"[^>]*fontawesome[^>]*>')
ICON_SCRIPT = re.compile(r"\s*<script\b[^>]*fontawesome[^>]*>\s*</script>")
TABS_SCRIPT = re.compile(r"\s*<script\b[^>]*design-tabs\.js[^>]*>\s*</script>")
NESTED = ("media", "supports", "layer", "container")
FONTS = {
    "fa-solid-900.ttf": ("Font Awesome 6 Free", 900, {"fas", "fa-solid"}),
    "fa-regular-400.ttf": ("Font Awesome 6 Free", 400, {"far", "fa-regular"}),
    "fa-brands-400.ttf": ("Font Awesome 6 Brands", 400, {"fab", "fa-brands"}),
}
"""The files of the icon font: family, weight, and the classes that ask for it."""


def words_in_use(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """Every class and id of the pages, and every word of the scripts, which may become one."""
    words: set[str] = set()
    for page in pages:
        for names in re.findall(r'\b(?:class|id|data-[\w-]+)="([^"]*)"', page):
            words.update(names.split())
    for script in scripts:
        words.update(re.findall(r"[A-Za-z_][\w-]*", script))
    return words


def _occurs(selector: str, words: set[str]) -> bool:
    """Whether every class and id that a selector asks for is in use."""
    asked = re.sub(r"\[[^\]]*\]|:not\((?:[^()]|\([^()]*\))*\)", "", selector)
    return all(name.replace("\\", "") in words for name in re.findall(r"[.#]((?:\\.|[\w-])+)", asked))


def _selectors(prelude: list[Any]) -> list[str]:
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tinycss2.serialize(part).strip() for part in parts]


def purged(rules: list[Any], words: set[str], *, fonts: bool = True) -> str:
    """The rules of a style sheet that can apply, without comments; ``fonts=False`` drops its fonts."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            names = [name for name in _selectors(rule.prelude) if _occurs(name, words)]
            if names:
                kept.append(",".join(names) + "{" + tinycss2.serialize(rule.content).strip() + "}")
        elif rule.type == "at-rule":
            name, prelude = rule.lower_at_keyword, tinycss2.serialize(rule.prelude)
            if name == "charset" or (name == "font-face" and not fonts):
                continue
            if rule.content is None:
                kept.append(f"@{name}{prelude};")
            elif name in NESTED:
                inside = purged(tinycss2.parse_rule_list(rule.content, True, True), words, fonts=fonts)
                if inside:
                    kept.append(f"@{name}{prelude}{{{inside}}}")
            else:
                kept.append(f"@{name}{prelude}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "error":
            raise ValueError(f"a style sheet cannot be read: {rule.message}")
    return "\n".join(kept)


def _moved(sheet: str, folder: str) -> str:
    """Addresses inside a sheet of ``folder``, seen from ``_static``."""

    def move(match: re.Match[str]) -> str:
        path = match[2]
        if re.match(r"[a-z]+:|/|#", path):
            return match[0]
        return f"url({match[1]}{posixpath.normpath(posixpath.join(folder, path))}{match[1]})"

    return re.sub(r"url\(([\"']?)([^\"')]+)\1\)", move, sheet)


def icon_fonts(folder: Path, signs: set[int], words: set[str]) -> str:
    """``@font-face`` rules with the signs in use, as data."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    faces = []
    for file, (family, weight, classes) in FONTS.items():
        path = folder / file
        if not classes & words or not path.is_file():
            continue
        font = TTFont(path, recalcTimestamp=False)
        tool = subset.Subsetter(subset.Options(layout_features=[], name_IDs=[1, 2], notdef_outline=True))
        tool.populate(unicodes=signs)
        tool.subset(font)
        font.flavor = "woff"
        data = io.BytesIO()
        font.save(data)
        source = base64.b64encode(data.getvalue()).decode()
        faces += [
            f'@font-face{{font-family:"{name}";font-style:normal;font-weight:{weight};font-display:block;'
            f'src:url("data:font/woff;base64,{source}")format("woff")}}'
            for name in (family, family.replace("6", "5"))
        ]
    return "\n".join(faces)


def _sheets(static: Path, name: str, words: set[str]) -> list[str]:
    """The sheets that one imports, and it, as far as they are in use."""
    parts: list[str] = []
    rules = tinycss2.parse_stylesheet((static / name).read_text(encoding="utf-8"), True, True)
    folder = posixpath.dirname(name)
    for rule in [rule for rule in rules if rule.type == "at-rule" and rule.lower_at_keyword == "import"]:
        rules.remove(rule)
        address = next(token for token in rule.prelude if token.type in ("string", "url", "function"))
        path = address.arguments[0].value if address.type == "function" else address.value
        parts += _sheets(static, posixpath.normpath(posixpath.join(folder, path)), words)
    return [*parts, _moved(purged(rules, words, fonts=ICONS not in name), folder)]


def bundle(static: Path, sheets: list[str], words: set[str]) -> str:
    """The sheets of the pages as one, with the rules and icons in use."""
    parts: list[str] = []
    icons = None
    for name in sheets:
        new = _sheets(static, name, words)
        parts = [part for part in parts if part not in new] + new  # what is imported again counts where it comes last
        if ICONS in name:
            icons = (static / name).parent.parent / "webfonts"
    sheet = "\n".join(parts)
    if icons is not None:
        signs = {ord(sign) for sign in sheet if "\ue000" <= sign <= "\uf8ff"}
        sheet = icon_fonts(icons, signs, words) + "\n" + sheet
    return '@charset "utf-8";\n' + sheet


def _sheet_name(link: str) -> str | None:
    """The path of a local style sheet below ``_static``."""
    href = HREF.search(link)
    return href[1].partition("_static/")[2] or None if href else None


def lighten(app: Sphinx, problem: Exception | None) -> None:
    """Write the sheet and let every page load it."""
    if problem is not None or app.builder.name != "html":
        return
    out, static = Path(app.outdir), Path(app.outdir) / "_static"
    pages = {
        path: path.read_text(encoding="utf-8")
        for path in sorted(out.rglob("*.html"))
        if not {"_static", "_code"} & set(path.relative_to(out).parts)
    }
    sheets: list[str] = []
    scripts: set[str] = set()
    for text in pages.values():
        named = [name for name in map(_sheet_name, STYLE.findall(text)) if name]
        sheets += [name for name in named if name not in sheets and name != SHEET]
        scripts.update(re.findall(r'<script\b[^>]*\bsrc="[^"]*_static/([^"?]+)', text))
    if not sheets:
        return
    loaded = [name for name in sorted(scripts) if not name.startswith("mathjax/") and ICONS not in name]
    words = words_in_use(pages.values(), ((static / name).read_text(encoding="utf-8") for name in loaded))
    sheet = bundle(static, sheets, words)
    (static / SHEET).write_text(sheet, encoding="utf-8")
    version = hashlib.sha256(sheet.encode()).hexdigest()[:8]
    for path, text in pages.items():
        changed = _light(text, version, tabs="sd-tab-set" in words)
        if changed != text:
            path.write_text(changed, encoding="utf-8")


def _light(page: str, version: str, *, tabs: bool) -> str:
    """A page that loads the sheet in the place of the first of its own, and no icon scripts."""
    links = [link for link in STYLE.findall(page) if _sheet_name(link)]
    if not links:
        return page
    up = HREF.search(links[0])[1].partition("_static/")[0]  # type: ignore[index]
    new = f'<link rel="stylesheet" type="text/css" href="{up}_static/{SHEET}?v={version}" />'
    page = page.replace(links[0], new, 1)
    for link in links[1:]:
        page = page.replace(link, "", 1)
    for pattern in (PRELOAD, ICON_SCRIPT) if tabs else (PRELOAD, ICON_SCRIPT, TABS_SCRIPT):
        page = pattern.sub("", page)
    return page


def setup(app: Sphinx) -> dict[str, Any]:
    """After everything is written."""
    app.connect("build-finished", lighten, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
