"""The book on paper: one LaTeX document of all chapters, made for reading without a screen.

What folds on a page is open here; code that only draws is left out; a claim card is one line, its details are in the
ledger at the end; solutions stand in an appendix; the pages of the library's functions stay on the site.
The look is in ``latex/l4book.sty``; ``python.ist`` is Sphinx's index style without single letters as headings.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils import new_document
from exercises import exercise, fold
from folding import NUMBERED, folded, summary
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.latex import LaTeXBuilder
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import inline_all_toctrees

NAME = "l4-companion"
LEFT_OUT = ("book/reference/api/",)
"""Pages that are not printed."""
BIBLIOGRAPHY = "book/reference/bibliography"
"""The page whose entries LaTeX puts at the end, under a title of its own."""
HIGHEST = 640
"""Pixels of the site, of which a page has 930."""
FRONT, SOLUTIONS = "About this book", "Solutions"


def latex(text: str) -> nodes.raw:
    """LaTeX as it stands."""
    return nodes.raw("", text, format="latex")


class PrintedBook(LaTeXBuilder):
    """Sphinx's builder with the parts, the front page and the appendix of this book."""

    name = "latex"

    def init(self) -> None:
        """Name the document, when the first page is known."""
        super().init()
        title, author = self.config.project, self.config.author
        self.config.latex_documents = [(self.config.root_doc, f"{NAME}.tex", title, author, "manual")]

    def assemble_doctree(self, indexfile: str, toctree_only: bool, appendices: list[str]) -> nodes.document:
        """All pages in the order of the table of contents."""
        self.docnames = {indexfile}
        root = self.env.get_doctree(indexfile)
        parts = list(root.findall(addnodes.toctree))
        for part in parts:
            part.parent.remove(part)
        tree = new_document("<the book>", root.settings)
        tree["docname"] = NAME
        book = nodes.section("", nodes.title("", self.config.project))
        tree += book
        book += [latex("\\lfourplain"), self._page(indexfile, root)]
        next(iter(book[-1].findall(nodes.title))).replace_self(nodes.title("", FRONT))
        for part in parts:
            names = [name for _, name in part["entries"] if self._is_printed(name)]
            book += latex(f"\\part{{{part['caption']}}}\n\\{'lfournumbered' if part['numbered'] else 'lfourplain'}")
            for name in names:
                book += latex(_counters(self.env, name))
                book += self._page(name, self.env.get_doctree(name))
        for change in (
            leave_out_code,
            unfold_dropdowns,
            shorten_cards,
            shorten_ledger,
            without_card_links,
            fit_figures,
        ):
            change(tree)
        if self.config.course_solutions and (solutions := gather_solutions(self.env, book)):
            book += [latex(f"\\part{{{SOLUTIONS}}}\n\\lfourplain"), *solutions]
        self.env.resolve_references(tree, indexfile, self)
        return tree

    def _is_printed(self, name: str) -> bool:
        return name in self.env.found_docs and not name.startswith(LEFT_OUT)

    def _page(self, name: str, doctree: nodes.document) -> addnodes.start_of_file:
        """One page and those below it."""
        whole = inline_all_toctrees(self, self.docnames, name, doctree, str, [name])  # type: ignore[arg-type]
        self.docnames.add(name)  # type: ignore[attr-defined]
        page = addnodes.start_of_file(docname=name)
        page.children = whole.children if name != BIBLIOGRAPHY else list(whole.findall(nodes.citation))
        for section in page.findall(nodes.section):
            section.setdefault("docname", name)
        return page


def _counters(env: BuildEnvironment, name: str) -> str:
    """Where LaTeX has to begin so that a page without a chapter number counts as the site does."""
    lines = []
    for kind in ("figure", "table"):
        numbers = list(env.toc_fignumbers.get(name, {}).get(kind, {}).values())
        if numbers and len(min(numbers)) == 1:
            lines.append(f"\\setcounter{{{kind}}}{{{min(numbers)[0] - 1}}}")
    return "".join(lines)


def _tagged(tree: nodes.Element, tag: str) -> list[nodes.container]:
    return [node for node in tree.findall(nodes.container) if f"tag_{tag}" in node["classes"]]


def leave_out_code(tree: nodes.Element) -> None:
    """Without the code that a page hides."""
    for tag in ("hide-input", "hide-cell"):
        for cell in _tagged(tree, tag):
            for part in list(cell.children):
                if isinstance(part, nodes.Element) and (tag == "hide-cell" or "cell_input" in part["classes"]):
                    cell.remove(part)


def unfold_dropdowns(tree: nodes.Element) -> None:
    """Hints and answers: their title in bold, then the text."""
    for box in [node for node in tree.findall(nodes.container) if node.get("design_component") == "dropdown"]:
        title = box.children[0]
        if not isinstance(title, (nodes.rubric, nodes.TextElement)):
            continue
        box.remove(title)
        words = title.astext().strip()
        lead: list[nodes.Node] = [nodes.strong("", "", *title.children)]
        lead.append(nodes.Text(" " if words.endswith((".", "?", "!")) else ". "))
        first = next(iter(box.findall(nodes.paragraph)), None)
        if first is not None and first.parent in (box, *box.children):
            for node in reversed(lead):
                first.insert(0, node)
        else:
            box.insert(0, nodes.paragraph("", "", *lead))
        box["classes"] = ["l4-aside"]


def shorten_cards(tree: nodes.Element) -> None:
    """Of a card only its line, which leads to its entry in the ledger."""
    for card in tree.findall(folded):
        name = next((name for name in card["ids"] if name.startswith("card-")), None)
        if name is not None:
            line = next(node for node in card.children if isinstance(node, summary))
            card.children = [line]
            line += latex(f"\\lfourledger{{book/reference/claims:ledger-{name.removeprefix('card-')}}}")
    for status in list(tree.findall(nodes.inline)):
        if "claim-status" in status["classes"]:
            status.replace_self(latex(f"\\lfourstatus{{{status.astext()}}}"))


def shorten_ledger(tree: nodes.Element) -> None:
    """An entry without its command and its seconds, and with its tests in one line."""
    for card in tree.findall(folded):
        if not any(name.startswith("ledger-") for name in card["ids"]):
            continue
        for item in list(card.findall(nodes.definition_list_item)):
            if item[0].astext() == "Seconds":
                item.parent.remove(item)
            if item[0].astext() == "Tests":
                tests = [node for paragraph in item[1].children for node in paragraph.children]
                commas = [node for test in tests for node in (nodes.Text(", "), test)][1:]
                item.replace(item[1], nodes.definition("", nodes.paragraph("", "", *commas)))
        for command in list(card.findall(nodes.literal_block)):
            card.remove(command)


def fit_figures(tree: nodes.Element) -> None:
    """No figure so high that its caption leaves the page."""
    for image in tree.findall(nodes.image):
        head = Path(image["uri"]).read_bytes()[:24] if Path(image["uri"]).suffix == ".png" else b""
        wide, high = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
        width = str(image.get("width", ""))
        if wide and width.endswith("px") and (room := HIGHEST * wide / high) < float(width.removesuffix("px")):
            image["width"] = f"{room:.0f}px"


def without_card_links(tree: nodes.Element) -> None:
    """The grid of the front page as paragraphs, each with its link after it and not over it."""
    for card in [node for node in tree.findall(nodes.container) if node.get("design_component") == "card"]:
        for link in list(card.findall(addnodes.pending_xref)):
            if "sd-stretched-link" in link["classes"]:
                link.parent.remove(link)


def _solved(node: fold) -> str:
    """The exercise that a solution belongs to; empty for the answers of an exam, which stay where they are."""
    title = node.children[0]
    return str(title.get("exercise", "")) if isinstance(title, nodes.Element) else ""


def gather_solutions(env: BuildEnvironment, book: nodes.Element) -> list[nodes.Element]:
    """Take the solutions out of the chapters; the appendix with one section for each chapter."""
    whole = nodes.section("", nodes.title("", "Solutions to the exercises"), ids=["all-solutions"])
    for page in list(book.findall(addnodes.start_of_file)):
        folds = [(node, label) for node in page.findall(fold) if (label := _solved(node))]
        if not folds:
            continue
        known = {node["ids"][0]: node for node in page.findall(exercise)}
        name = page["docname"]
        section = nodes.section("", nodes.title("", env.titles[name].astext()), docname=name, ids=["the-solutions"])
        for node, label in folds:
            node.parent.remove(node)
            if "exercise-solution" in node["classes"]:
                node["ids"] = [f"solution-of-{label}"]
                known[label] += latex(f"\\lfoursolution{{{name}:solution-of-{label}}}")
            section += node
        whole += from_page("", section, docname=name)
    return [addnodes.start_of_file("", whole, docname="solutions")] if len(whole) > 1 else []


class from_page(nodes.General, nodes.Element):
    """What stands here comes from another page, and so do the labels in it."""


def visit_from_page(self: Any, node: from_page) -> None:
    """Labels are those of the page."""
    self.curfilestack.append(node["docname"])


def depart_from_page(self: Any, _node: from_page) -> None:
    """As before."""
    self.curfilestack.pop()


def number(env: BuildEnvironment, node: nodes.Element) -> str:
    """The number that the site gives to a numbered box."""
    for kinds in env.toc_fignumbers.values():
        found = kinds.get(node.get("countertype", ""), {}).get(node["label"])
        if found:
            return ".".join(map(str, found))
    return ""


def visit_box(self: Any, node: nodes.Element) -> None:
    """A theorem: kind and number, then the title, which the writer puts into braces."""
    counted = number(self.builder.env, node)
    name = f"{node['realtype'].title()} {counted}".strip()
    self.body.append(
        f"\n\n\\lfourcounted{{{counted}}}{self.hypertarget(node['label'])}\n\\begin{{lfourresult}}{{{name}}}"
    )
    if not isinstance(node.children[0], nodes.title):
        self.body.append("{}")


def depart_box(self: Any, _node: nodes.Element) -> None:
    """Close it."""
    self.body.append("\\end{lfourresult}\n")


class PrintedLink(SphinxDirective):
    """``{printed-link}``: where the PDF is, on sites that have it; nothing on others."""

    def run(self) -> list[nodes.Node]:
        """A place for the sentence."""
        if not hasattr(self.env, "l4_printed"):
            self.env.l4_printed = {}  # type: ignore[attr-defined]
        self.env.l4_printed[self.env.docname] = pdf(self.env.app) is not None  # type: ignore[attr-defined]
        return [printed_link()]


class printed_link(nodes.General, nodes.Element):
    """Replaced by a sentence with a link if ``make pdf`` has made the book."""


def pdf(app: Sphinx) -> Path | None:
    """The PDF beside the built pages."""
    path = Path(app.outdir).parent / "latex" / f"{NAME}.pdf"
    return path if app.builder.name == "html" and path.is_file() else None


def outdated(app: Sphinx, env: BuildEnvironment, _added: set[str], _changed: set[str], _removed: set[str]) -> list[str]:
    """Pages with the sentence are made again when the PDF comes or goes."""
    there = pdf(app) is not None
    return [name for name, was in getattr(env, "l4_printed", {}).items() if was != there and name in env.found_docs]


def purge(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page that is read again."""
    getattr(env, "l4_printed", {}).pop(docname, None)


def offer(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the sentence into its place."""
    path = pdf(app)
    for node in list(doctree.findall(printed_link)):
        if path is None:
            node.parent.remove(node)
            continue
        link = nodes.raw("", f'<a href="{"../" * docname.count("/")}{NAME}.pdf">{NAME}.pdf</a>', format="html")
        size = f" ({path.stat().st_size / 1e6:.0f} MB)."
        node.replace_self(nodes.paragraph("", "", nodes.Text("The whole book for paper: "), link, nodes.Text(size)))


def copy_pdf(app: Sphinx, problem: Exception | None) -> None:
    """Lay the PDF beside the pages, or take an old one away."""
    if problem is not None or app.builder.name != "html":
        return
    path, target = pdf(app), Path(app.outdir) / f"{NAME}.pdf"
    if path is not None:
        shutil.copyfile(path, target)
    else:
        target.unlink(missing_ok=True)


def settings(_app: Sphinx, config: Config) -> None:
    """What the document is called and how it is set."""
    here = Path(__file__).parent / "latex"
    config.latex_additional_files = [str(here / name) for name in ("l4book.sty", "python.ist")]
    config.latex_table_style = ["booktabs", "colorrows"]
    config.latex_domain_indices, config.latex_use_xindy = False, False
    elements = {
        "papersize": "a4paper",
        "pointsize": "11pt",
        "extraclassoptions": "openany,oneside",
        "sphinxsetup": "hmargin=1in, vmargin={1in,1in}, verbatimwithframe=false, VerbatimColor={rgb}{0.96,0.96,0.96}",
        "fontpkg": "% Latin Modern is what fontspec begins with.",
        "fncychap": "",
        "figure_align": "htbp",
        "extrapackages": "\\usepackage{l4book}",
        "maketitle": "\\lfourtitle",
        "tocdepth": "\\setcounter{tocdepth}{1}",
    }
    config.latex_elements = {**elements, **config.latex_elements}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the builder, the boxes and the settings."""
    for name in ("folding", "exercises"):
        app.setup_extension(name)
    app.add_builder(PrintedBook, override=True)
    app.add_node(from_page, latex=(visit_from_page, depart_from_page))
    for kind in NUMBERED:
        app.add_node(kind, override=True, latex=(visit_box, depart_box))
    app.add_node(printed_link)
    app.add_directive("printed-link", PrintedLink)
    app.connect("config-inited", settings, priority=700)
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", purge)
    app.connect("doctree-resolved", offer)
    app.connect("build-finished", copy_pdf)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
