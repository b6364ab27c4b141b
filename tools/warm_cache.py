"""Execute the book's notebooks in parallel into the cache that the build then reads.

Sphinx executes one notebook after the other; jupyter-cache, which keeps the results, can execute several at a time.
Notebooks whose code has not changed are not executed again.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from execute_notebooks import notebooks_of_the_book
from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor


def main() -> int:
    """Execute what the cache lacks; the exit code is 1 if a notebook fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    cache = get_cache(str(options.cache.resolve()))
    for path in notebooks_of_the_book():
        cache.add_nb_to_project(str(path))
    wanted = [record.pk for record in cache.list_unexecuted()]
    if not wanted:
        return 0
    print(f"executing {len(wanted)} notebooks, {os.cpu_count()} at a time", flush=True)
    result = load_executor("local-parallel", cache).run_and_cache(filter_pks=wanted, timeout=600)
    for kind in (result.errored, result.excepted):
        for uri in kind:
            record = cache.get_project_record(uri)
            print(f"{uri}: FAILED\n{record.traceback or ''}", file=sys.stderr, flush=True)
    return 1 if result.errored or result.excepted else 0


if __name__ == "__main__":
    raise SystemExit(main())
