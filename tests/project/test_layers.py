"""The plan of the house, as CONTRIBUTING.md draws it: arrows between wings go one way, within a wing in no circle."""

import ast
import importlib
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "l4lib"
PLOTTING = {"matplotlib", "seaborn"}


def rooms():
    """The rooms of the plan with what each may use: ``{"data": {"validate", "quartic"}, ...}``."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| room | what it is for | may use |") :].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", table, flags=re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", uses)) for name, uses in rows}


WINGS = sorted(path.parent.name for path in LIBRARY.glob("*/__init__.py"))


def sources():
    """Each file of the library with its room and its module name."""
    for path in sorted(LIBRARY.rglob("*.py")):
        parts = path.relative_to(LIBRARY).with_suffix("").parts
        if parts != ("__init__",):
            yield path, parts[0], ".".join(("l4lib", *parts)).removesuffix(".__init__")


def imports(path):
    """What a file imports: pairs (module, name), the name None for a plain import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def test_the_plan_names_every_room():
    assert set(rooms()) == {room for _, room, _ in sources()}


def test_the_plan_has_no_circle():
    assert list(TopologicalSorter(rooms()).static_order())


def test_at_most_four_modules_stand_beside_the_wings():
    assert len([path for path in LIBRARY.glob("*.py") if path.name != "__init__.py"]) <= 3


def test_no_file_is_long():
    for path, _, _ in sources():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 600, path.relative_to(ROOT)


def test_arrows_between_rooms_go_as_the_plan_says():
    """From one room to another only public names are carried, and a wing is entered by its door, the ``__init__``."""
    plan = rooms()
    for path, room, _ in sources():
        for module, name in imports(path):
            parts = module.split(".")
            if parts[0] != "l4lib" or len(parts) < 2 or parts[1] == room:
                continue
            where = path.relative_to(ROOT)
            assert parts[1] in plan[room], f"{where} imports {module}, which the plan does not allow"
            assert len(parts) == 2, f"{where} imports {module}: take it from l4lib.{parts[1]}"
            assert not str(name).startswith("_"), f"{where} imports the private name {name} of {module}"


@pytest.mark.parametrize("wing", WINGS)
def test_there_is_no_circle_within_a_wing(wing):
    graph = {}
    for path, room, name in sources():
        if room == wing and path.name != "__init__.py":
            inside = {module for module, _ in imports(path) if module.startswith(f"l4lib.{wing}.")}
            graph[name] = inside - {name}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_shows_what_is_public_and_says_what_it_is_for(wing):
    package = importlib.import_module(f"l4lib.{wing}")
    assert package.__doc__ and package.__doc__.strip().splitlines()[0].endswith(".")
    assert not [name for name in package.__all__ if name.startswith("_")]
    for path, room, name in sources():
        if room != wing or path.name in ("__init__.py", "__main__.py"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" and wing != "experiments":
                missing = set(ast.literal_eval(node.value)) - set(package.__all__)
                assert not missing, f"{name} has public names that l4lib.{wing} does not show: {missing}"


def test_only_figures_imports_a_plotting_library():
    for path, room, _ in sources():
        if room != "figures":
            assert not {module.split(".")[0] for module, _ in imports(path)} & PLOTTING, path.name


def test_no_assert_and_no_print_in_the_library():
    for path, _, _ in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Assert), f"{path.name}:{node.lineno} uses assert"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path.name}:{node.lineno} prints"
