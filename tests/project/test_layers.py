"""Imports inside the library go one way: each module only from those above it in the table of CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLOTTING = {"matplotlib", "seaborn", "plotly"}


def order():
    """The modules of the table, from the bottom layer up."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| module | one idea |") :].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)


def sources():
    """Each file of the library with the layer it belongs to (files of a package share one)."""
    for path in sorted((ROOT / "l4lib").rglob("*.py")):
        relative = path.relative_to(ROOT / "l4lib")
        if relative.name == "__init__.py" and len(relative.parts) == 1:
            continue
        yield path, relative.parts[0].removesuffix(".py")


def imported(path):
    """The top-level names imported, and the l4lib layers imported."""
    outside, layers = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module] if node.module != "l4lib" else [f"l4lib.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            outside.add(parts[0])
            if parts[0] == "l4lib" and len(parts) > 1:
                layers.add(parts[1])
    return outside, layers


def test_the_table_names_every_module():
    assert set(order()) == {layer for _, layer in sources()}


def test_imports_go_one_way():
    rank = {name: position for position, name in enumerate(order())}
    for path, layer in sources():
        for other in imported(path)[1] - {layer}:
            assert rank[other] < rank[layer], f"{path.name} imports {other}, which stands below it in the table"


def test_only_figures_imports_a_plotting_library():
    for path, layer in sources():
        if layer != "figures":
            assert not imported(path)[0] & PLOTTING, path.name


def test_no_assert_and_no_print_in_the_library():
    for path, _ in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Assert), f"{path.name}:{node.lineno} uses assert"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path.name}:{node.lineno} prints"
