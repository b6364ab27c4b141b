"""The claims ledger: reading and checking ``claims.yml``, without Sphinx."""

from __future__ import annotations

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


_TEXT = ("id", "title", "statement", "page", "label", "hypotheses", "status", "computed", "on", "passes", "cannot_show")


def _claim(row: Any, number: int) -> Claim:
    if not isinstance(row, dict):
        raise LedgerError(f"claims.yml, row {number}: expected a mapping, got {type(row).__name__}")
    row = {"on" if key is True else key: value for key, value in row.items()}  # YAML 1.1 reads the key `on` as true
    name = row.get("id", f"row {number}")
    unknown = set(row) - set(Claim.__dataclass_fields__)
    if unknown:
        raise LedgerError(f"claims.yml, {name}: unknown fields {sorted(unknown)}")
    for field in _TEXT:
        if not isinstance(row.get(field), str) or not row[field].strip():
            raise LedgerError(f"claims.yml, {name}: expected text in the field {field!r}, got {row.get(field)!r}")
    if row["status"] not in STATUSES:
        raise LedgerError(f"claims.yml, {name}: expected a status among {list(STATUSES)}, got {row['status']!r}")
    tests = row.get("tests") or []
    if not isinstance(tests, list) or not all(isinstance(test, str) and "::" in test for test in tests):
        raise LedgerError(f"claims.yml, {name}: expected tests as a list of file::function, got {tests!r}")
    if not tests and row["status"] != "not tested":
        raise LedgerError(f"claims.yml, {name}: status {row['status']!r} needs at least one test")
    return Claim(
        **{field: row[field].strip() for field in _TEXT},
        function=row.get("function"),
        tests=tuple(tests),
        figure=row.get("figure"),
        seconds=row.get("seconds"),
    )


def read_ledger(path: Path) -> dict[str, Claim]:
    """The claims by id, in the order of the file.

    Raises
    ------
    LedgerError
        If a row lacks a field, has an unknown one, or an id is used twice.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    claims: dict[str, Claim] = {}
    for number, row in enumerate(rows, 1):
        claim = _claim(row, number)
        if claim.id in claims:
            raise LedgerError(f"claims.yml: the id {claim.id!r} is used twice")
        claims[claim.id] = claim
    return claims
