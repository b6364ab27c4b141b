"""What a public copy of the book adds: buttons that lead to its repository, and what other sites show of a page.

One setting, ``repository_address`` in ``_config.yml``, empty by default. Where it is set (as in
``https://github.com/OWNER/NAME``), every page has buttons to the repository, its source, an edit and an issue, and a
chapter opens its *clean* notebook in Colab or on Binder; these (``_notebooks`` of the built site) are on the branch
``notebooks`` of the same repository, where the workflow that publishes the pages puts them. Where it is empty, there
are no such buttons.

Every page has a description, its first paragraph, and tags for social cards; their picture has an absolute address if
``html_baseurl`` is set.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

BRANCH, CLEAN = "main", "notebooks"
CARD, CARD_ALT = (
    "_static/card.png",
    "Three spheres coloured by the objective, each with its minimisers, saddles and maximisers.",
)
LENGTH = 200
"""Characters of a description."""


def address(config: Config) -> str:
    """The repository's address without its last slash."""
    text = str(config.repository_address or "").strip().rstrip("/")
    if text and not re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2,}", text):
        raise ConfigError(f"repository_address: expected https://HOST/OWNER/NAME or nothing, got {text!r}")
    return text


def set_buttons(_app: Sphinx, config: Config) -> None:
    """Turn the theme's buttons on where there is an address, off where there is none."""
    where = address(config)
    options = dict(config.html_theme_options or {})
    for button in ("repository", "edit_page", "issues", "source"):
        options[f"use_{button}_button"] = bool(where)
    if where:
        options |= {"repository_url": where, "repository_branch": BRANCH, "path_to_docs": ""}
    config.html_theme_options = options


def launch_buttons(config: Config, docname: str) -> list[dict[str, str]]:
    """Colab and Binder for the clean notebook of a page, where the repository is on GitHub."""
    where = address(config)
    if not where.startswith("https://github.com/"):
        return []
    owner_and_name, notebook = where.removeprefix("https://github.com/"), f"{docname}.ipynb"
    return [
        {
            "type": "link",
            "text": "Colab",
            "tooltip": "Open the plain notebook in Colab",
            "icon": "fas fa-play",
            "url": f"https://colab.research.google.com/github/{owner_and_name}/blob/{CLEAN}/{notebook}",
            "label": "launch-colab",
        },
        {
            "type": "link",
            "text": "Binder",
            "tooltip": "Open the plain notebook on Binder",
            "icon": "fas fa-play",
            "url": f"https://mybinder.org/v2/gh/{owner_and_name}/{CLEAN}?labpath={notebook}",
            "label": "launch-binder",
        },
    ]


def add_launch(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """A group of buttons on pages that are notebooks."""
    buttons = launch_buttons(app.config, page)
    if document is None or not buttons or Path(app.env.doc2path(page)).suffix != ".ipynb":
        return
    group = {"type": "group", "tooltip": "Run this chapter elsewhere", "icon": "fas fa-rocket", "buttons": buttons}
    context["header_buttons"].insert(0, {**group, "label": "launch-buttons"})


def described(document: nodes.document) -> str:
    """The first paragraph in plain words, cut at a word."""
    for paragraph in document.findall(nodes.paragraph):
        if "chapter-head" in paragraph["classes"]:
            continue
        words = " ".join(paragraph.astext().split())
        if len(words) > 40 and next(iter(paragraph.findall(nodes.math)), None) is None:
            return words if len(words) <= LENGTH else words[: LENGTH - 1].rsplit(" ", 1)[0] + "…"
    return ""


def add_tags(app: Sphinx, page: str, _template: str, context: dict[str, Any], document: nodes.document | None) -> None:
    """Description and social card."""
    if document is None:
        return
    book = str(app.config.html_title or app.config.project)
    title = re.sub(r"<[^>]+>", "", str(context.get("title", book)))
    base = str(app.config.html_baseurl or "").rstrip("/")
    picture = f"{base}/{CARD}" if base else context["pathto"](CARD, 1)
    words = described(document) or book
    tags = {
        "og:type": "article", "og:site_name": book, "og:title": html.unescape(title), "og:description": words,
        "og:image": picture, "og:image:alt": CARD_ALT, "twitter:card": "summary_large_image",
    }  # fmt: skip
    if base:
        tags["og:url"] = f"{base}/{page}.html"
    lines = [f'<meta name="description" content="{html.escape(words)}">']
    for name, content in tags.items():
        attribute = "name" if name.startswith("twitter") else "property"
        lines.append(f'<meta {attribute}="{name}" content="{html.escape(content)}">')
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the setting and the hooks; the buttons are set before the theme reads its options."""
    app.add_config_value("repository_address", "", "html", str)
    app.connect("config-inited", set_buttons, priority=100)
    app.connect("html-page-context", add_launch, priority=600)
    app.connect("html-page-context", add_tags, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
