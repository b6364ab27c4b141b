"""Print the notebooks of the book, one a line, relative to the repository."""

from execute_notebooks import ROOT, notebooks_of_the_book

print("\n".join(str(path.relative_to(ROOT)) for path in notebooks_of_the_book()))
