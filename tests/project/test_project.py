"""The project around the library: environments agree, the README's commands exist, nothing private is committed."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def tracked():
    """The files of the project: what git tracks; without git or a checkout, all that is not made by make or a tool."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (FileNotFoundError, subprocess.CalledProcessError):
        made = {".venv", "_build", "build", "dist", "__pycache__", ".git"}
        inside = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        kept = [
            path
            for path in inside
            if not made & set(path.parts)
            and not any(
                part.endswith((".egg-info", "_cache", ".hypothesis", ".ipynb_checkpoints")) for part in path.parts
            )
        ]
        return [ROOT / path for path in kept]
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def pinned():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        found = re.match(r"^([A-Za-z0-9_.-]+)==(\S+?)(?: ;.*)?$", line.strip())
        assert found, f"constraints.txt: expected name==version, got {line!r}"
        pins.setdefault(re.sub(r"[-_.]+", "-", found[1]).lower(), set()).add(found[2])
    return pins


UNPINNED = {"sae"}
"""Extras that are not in the lock: PyTorch would bring gigabytes that no page and no test needs."""


def requirements():
    extras = PROJECT["project"]["optional-dependencies"]
    groups = [PROJECT["project"]["dependencies"], *(extras[name] for name in extras.keys() - UNPINNED)]
    for entry in {entry for group in groups for entry in group}:
        name = re.match(r"[A-Za-z0-9_.-]+", entry)[0]
        if name != "l4lib":
            yield re.sub(r"[-_.]+", "-", name).lower(), entry


def test_every_requirement_is_pinned_within_its_bounds():
    from packaging.requirements import Requirement

    pins = pinned()
    for name, entry in requirements():
        assert name in pins, f"{name} is not in constraints.txt; run make lock"
        for version in pins[name]:
            assert Requirement(entry).specifier.contains(version, prereleases=True), f"{entry}: pinned {version}"


def test_what_is_not_pinned_is_not_installed_by_default_and_has_bounds():
    from packaging.requirements import Requirement

    extras = PROJECT["project"]["optional-dependencies"]
    for name in UNPINNED:
        assert not any(f"[{name}]" in entry or f"{name}," in entry for entries in extras.values() for entry in entries)
        assert all(Requirement(entry).specifier for entry in extras[name] if not entry.startswith("l4lib"))
        assert "--all-extras" not in MAKEFILE and "--extra dev" in MAKEFILE


def test_all_supported_pythons_get_the_same_versions():
    """Stored outputs, warnings and type checks depend on versions; they are to be the same on every Python."""
    from packaging.requirements import Requirement

    def installed(python):
        lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        entries = [Requirement(line) for line in lines]
        environment = {"python_version": python, "python_full_version": f"{python}.9"}
        return {str(e.name): str(e.specifier) for e in entries if e.marker is None or e.marker.evaluate(environment)}

    eldest = installed("3.11")
    assert len(eldest) > 100
    for python in ("3.12", "3.13"):
        other = installed(python)
        assert {name: pin for name, pin in other.items() if eldest.get(name, pin) != pin} == {}


def test_environment_yml_is_thin_and_agrees():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert all(entry.startswith(("python", "pip", "make")) for entry in plain)
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert "-c constraints.txt" in pip
    assert any("-e .[" in entry for entry in pip)
    wanted = next(entry for entry in plain if entry.startswith("python"))
    assert wanted.split("=")[1] in ("3.11", "3.12", "3.13")


def test_readme_has_the_two_commands_and_ci_runs_the_second():
    for target in ("make book", "make test"):
        assert f"\n{target}\n" in README
    for target in re.findall(r"`make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), f"README names make {target}"
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_change_of_the_library_leaves_no_stale_page():
    """Make would empty both the cache of executed notebooks and Sphinx's memory of the pages."""
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "--dry-run", "--what-if=l4lib/quartic/sphere.py", "book"]
    told = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout
    (removal,) = [line for line in told.splitlines() if line.startswith("rm -rf")]
    assert removal.split()[2:] == ["_build/.jupyter_cache", "_build/.doctrees"]


def test_readme_python_runs():
    """The examples of the README, as a reader would paste them."""
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


def test_the_picture_of_the_readme_is_that_of_the_chapter():
    from readme_picture import PICTURE, stored_picture

    assert PICTURE.read_bytes() == stored_picture(), "run tools/readme_picture.py"


def test_readme_links_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_no_private_path_and_no_registry_address_is_committed():
    # Each pattern is written so that it does not match itself.
    patterns = ["/wor[k]/", "/roo[t]/", "/tm[p]/", "(?i)index[-]url", "(?i)find[-]links", "pythonhoste[d]"]
    for path in tracked():
        if path.suffix in {".png", ".npz", ".svg"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        for pattern in patterns:
            assert not re.search(pattern, text), f"{path.relative_to(ROOT)} contains {pattern!r}"


def test_no_large_file_is_committed():
    for path in tracked():
        assert path.stat().st_size < 3_000_000, path.relative_to(ROOT)


def test_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __import__("l4lib").__version__
    assert any("1912.02427" in str(reference) for reference in citation["references"])


def test_the_archive_is_described_once():
    """CITATION.cff and .zenodo.json say the same; workflows and issue forms can be read."""
    import json

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    archive = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert archive["title"] == citation["title"] and archive["license"] == citation["license"]
    assert [who["name"] for who in archive["creators"]] == [who["name"] for who in citation["authors"]]
    forms = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / ".github").rglob("*.yml")}
    assert {"mathematics", "software", "text", "release", "fresh", "pages", "tests"} <= set(forms)
    for name in ("mathematics", "software", "text"):
        assert all(field["attributes"]["label"] for field in forms[name]["body"])
