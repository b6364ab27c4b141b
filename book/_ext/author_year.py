"""The bibliography by author and year, as the text cites it: *Kolda and Mayo, 2011* on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as UnsortedStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx

NAME = "author_year"


def label(entry: Any) -> str:
    """One or two names, or the first *et al.*, and the year."""
    names = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons["author"]]
    who = " and ".join(names) if len(names) <= 2 else f"{names[0]} et al."
    return f"{who}, {entry.fields['year']}"


class Labels(BaseLabelStyle):
    """Labels that differ: two of the same authors and year get a letter each."""

    def format_labels(self, sorted_entries: Any) -> Iterator[str]:
        """One label an entry."""
        found = [label(entry) for entry in sorted_entries]
        count, seen = Counter(found), Counter[str]()
        for words in found:
            seen[words] += 1
            yield words + (chr(96 + seen[words]) if count[words] > 1 else "")


class AuthorYear(UnsortedStyle):
    """The plain style, sorted, with these labels."""

    default_sorting_style = "author_year_title"
    default_label_style = Labels


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the style known to pybtex."""
    register_plugin("pybtex.style.formatting", NAME, AuthorYear)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
