"""The claims ledger: reading and checking the ``.claims.yml`` file beside each chapter, without Sphinx."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STATUSES = {
    "proved": "a complete proof is on the page",
    "decided": "all cases of a concrete instance were enumerated in floating point",
    "certified": "proved by interval arithmetic for a concrete instance",
    "sampled": "checked on random instances; this is evidence, not proof",
    "not tested": "stated without a check",
}


class LedgerError(ValueError):
    """A row of the ledger is not as it should be."""


@dataclass(frozen=True)
class Claim:
    """One row of the ledger; see CONTRIBUTING.md for what each field is for."""

    id: str
    title: str
    statement: str
    page: str
    label: str
    hypotheses: str
    status: str
    computed: str
    on: str
    passes: str
    cannot_show: str
    function: str | None
    tests: tuple[str, ...]
    figure: str | None
    seconds: float | None


SUFFIX = ".claims.yml"
_TEXT = ("id", "title", "statement", "label", "hypotheses", "status", "computed", "on", "passes", "cannot_show")


def _claim(row: Any, page: str, where: str) -> Claim:
    if not isinstance(row, dict):
        raise LedgerError(f"{where}: expected a mapping, got {type(row).__name__}")
    row = {"on" if key is True else key: value for key, value in row.items()}  # YAML 1.1 reads the key `on` as true
    where = f"{where} ({row.get('id', 'no id')})"
    unknown = set(row) - (set(Claim.__dataclass_fields__) - {"page"})
    if unknown:
        raise LedgerError(f"{where}: unknown fields {sorted(unknown)}")
    for field in _TEXT:
        if not isinstance(row.get(field), str) or not row[field].strip():
            raise LedgerError(f"{where}: expected text in the field {field!r}, got {row.get(field)!r}")
    if row["status"] not in STATUSES:
        raise LedgerError(f"{where}: expected a status among {list(STATUSES)}, got {row['status']!r}")
    tests = row.get("tests") or []
    if not isinstance(tests, list) or not all(isinstance(test, str) and "::" in test for test in tests):
        raise LedgerError(f"{where}: expected tests as a list of file::function, got {tests!r}")
    if not tests and row["status"] != "not tested":
        raise LedgerError(f"{where}: status {row['status']!r} needs at least one test")
    return Claim(
        **{field: row[field].strip() for field in _TEXT},
        page=page,
        function=row.get("function"),
        tests=tuple(tests),
        figure=row.get("figure"),
        seconds=row.get("seconds"),
    )


def ledger_files(root: Path) -> list[Path]:
    """The files of the ledger, in the order of the table of contents (files of pages that it lacks come last)."""
    text = (root / "_toc.yml").read_text(encoding="utf-8")

    def place(path: Path) -> tuple[int, str]:
        page = path.relative_to(root).as_posix().removesuffix(SUFFIX)
        found = re.search(rf"{re.escape(page)}\s*$", text, flags=re.MULTILINE)
        return (found.start() if found else len(text), page)

    return sorted((root / "book").rglob(f"*{SUFFIX}"), key=place)


def read_ledger(root: Path) -> dict[str, Claim]:
    """The claims of all chapters of the repository ``root`` by id; each stands on the page that its file is beside.

    Raises
    ------
    LedgerError
        If a row lacks a field, has an unknown one, or an id is used twice.
    """
    claims: dict[str, Claim] = {}
    for path in ledger_files(root):
        page = path.relative_to(root).as_posix().removesuffix(SUFFIX)
        rows = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        for number, row in enumerate(rows, 1):
            claim = _claim(row, page, f"{path.name}, row {number}")
            if claim.id in claims:
                raise LedgerError(f"{path.name}: the id {claim.id!r} is used twice, also on {claims[claim.id].page}")
            claims[claim.id] = claim
    return claims
