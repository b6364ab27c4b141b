"""Where student code runs while it is graded: bubblewrap, limits, and a line of JSON in either direction.

Inside there is no network, nothing of this machine but the interpreter and ``l4lib`` without its answers (read-only),
and a small folder in memory. ``--unshare-all`` gives the code its own processes and users; killing the first takes all.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sandbox_worker

import l4lib

WORKER = Path(sandbox_worker.__file__).resolve()
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Limits:
    """Seconds for one cell, for one call of a function, and for a submission in all."""

    cell: float = 10.0
    call: float = 5.0
    total: float = 60.0


class Trouble(BaseException):
    """The code of the student did not answer; the words are for the student.

    No `Exception`, since it is no error of the answer, which `judge` would put into words, but of the process.
    """


def bubblewrap() -> list[str]:
    """The command that starts the worker where it can do no harm."""
    package = Path(l4lib.__file__).resolve().parent
    command = ["bwrap", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if os.geteuid():
        command += ["--unshare-all", "--uid", "65534", "--gid", "65534"]
    else:  # root needs no user namespace, and the worker becomes nobody itself, since limits do not hold for root
        command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    command += ["--hostname", "grader", "--clearenv", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib32", "lib64"):
        if Path("/", name).is_symlink():
            command += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif Path("/", name).exists():
            command += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in ("/etc/ld.so.cache", "/etc/alternatives"):
        command += ["--ro-bind-try", name, name]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 << 20), "--perms", "1777", "--tmpfs", "/tmp"]
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sys.prefix).resolve()), str(Path(sys.base_prefix).resolve())}
    outside = sorted(path for path in prefixes if not Path(path).is_relative_to("/usr"))
    parents = {str(parent) for path in (*outside, "/l4/l4lib") for parent in Path(path).parents} - {"/"}
    for path in sorted(parents, key=len):
        command += ["--perms", "0755", "--dir", path]
    for path in outside:
        command += ["--ro-bind", path, path]
    for path in sys.path:  # an installed copy of the library has the answers as well
        installed = Path(path) / "l4lib" / "course"
        if installed.is_dir() and any(installed.is_relative_to(prefix) for prefix in prefixes):
            command += ["--tmpfs", str(installed)]
    command += ["--ro-bind", str(package), "/l4/l4lib", "--tmpfs", "/l4/l4lib/course"]
    command += ["--ro-bind", str(WORKER), "/l4/worker.py", "--chdir", "/tmp"]
    settings = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONPATH": "/l4"}
    settings |= {"MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp", **dict.fromkeys(THREADS, "1")}
    for name, value in settings.items():
        command += ["--setenv", name, value]
    return [*command, sys.executable, "-B", "/l4/worker.py", *([] if os.geteuid() else ["nobody"])]


def start(trust: bool) -> subprocess.Popen[bytes]:
    """The worker as a process."""
    command = [sys.executable, "-B", str(WORKER)] if trust else bubblewrap()
    environment = {**os.environ, "PYTHONPATH": str(Path(l4lib.__file__).resolve().parent.parent)} if trust else None
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)


@dataclass
class Submission:
    """The code of one submission, running. A cell that ends or stops its process is left out when it starts again."""

    cells: list[str]
    given: dict[str, Any]
    limits: Limits
    trust: bool = False
    errors: dict[int, str] = field(default_factory=dict)
    _bad: set[int] = field(default_factory=set)
    _process: subprocess.Popen[bytes] | None = None
    _buffer: bytes = b""
    _end: float = 0.0

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.limits.total

    def value(self, name: str, is_function: bool) -> Any:
        """What the student calls ``name``: a value, or a function that runs inside."""
        found = self._decode(self._ask({"get": name}, self.limits.call))
        if not (isinstance(found, sandbox_worker.Opaque) and found.is_function and is_function):
            return found

        def call(*arguments: Any) -> Any:
            request = {"call": name, "arguments": [sandbox_worker.encode(value) for value in arguments]}
            answer = self._ask(request, self.limits.call)
            if answer.get("error") == "NotImplementedError":
                raise NotImplementedError
            if "error" in answer:
                raise type(str(answer["error"])[:60], (Exception,), {})(str(answer.get("words", ""))[:300])
            return self._decode(answer)

        return call

    def close(self) -> None:
        """Kill it, and everything that it has started."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._buffer = b""

    def _decode(self, answer: dict[str, Any]) -> Any:
        try:
            return sandbox_worker.decode(answer.get("value"))
        except (ValueError, KeyError, TypeError, OverflowError, MemoryError):
            raise Trouble("handed out something that is neither a number nor an array") from None

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._process is None:
            self._restart()
        try:
            return self._exchange(request, seconds)
        except Trouble:
            self.close()
            raise

    def _exchange(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """One request and its answer, or Trouble."""
        if not (self._process and self._process.stdin and self._process.stdout):
            raise Trouble("is not running")
        ticket = secrets.token_hex(8)
        limit = min(time.monotonic() + seconds, self._end)
        try:
            self._process.stdin.write(json.dumps({"ticket": ticket, **request}).encode() + b"\n")
            self._process.stdin.flush()
            while b"\n" not in self._buffer:
                left = limit - time.monotonic()
                if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                    raise Trouble(f"gave no answer within {seconds:g} seconds: does a loop end?")
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise Trouble("ended the whole of Python: was memory short, or is there an exit?")
                self._buffer += piece
                if len(self._buffer) > 2 * sandbox_worker.LARGEST:
                    raise Trouble("handed out too much")
            line, self._buffer = self._buffer.split(b"\n", 1)
            answer = json.loads(line)
        except (OSError, ValueError, RecursionError):
            raise Trouble("ended the whole of Python, or disturbed its own grading") from None
        if not isinstance(answer, dict) or answer.get("ticket") != ticket:
            raise Trouble("disturbed its own grading")
        return answer

    def _restart(self) -> None:
        """Start, and run every cell that is not known to be bad."""
        while True:
            self.close()
            if time.monotonic() > self._end:
                raise Trouble(f"has used up the {self.limits.total:g} seconds of the whole notebook")
            self._process = start(self.trust)
            self._exchange({"given": self.given}, self.limits.total)
            for k, source in enumerate(self.cells):
                if k in self._bad:
                    continue
                try:
                    answer = self._exchange({"run": source}, self.limits.cell)
                except Trouble as problem:
                    self.errors[k] = f"this cell {problem}"
                    self._bad.add(k)
                    break
                if answer.get("error") not in (None, "NotImplementedError"):
                    self.errors[k] = f"{str(answer['error'])[:100]}: {str(answer.get('words', ''))[:300]}"
            else:
                return


def preflight(trust: bool = False) -> str:
    """Why nothing can be graded here, or nothing: an innocent notebook has to run before anybody is judged."""
    if not trust and not sys.platform.startswith("linux"):
        return "the sandbox needs Linux (a virtual machine will do)"
    if not trust and not shutil.which("bwrap"):
        return "bubblewrap is missing (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)"
    probe = Submission(["import numpy, l4lib\nanswer = 6 * 7"], {}, Limits(cell=30, call=30, total=60), trust)
    try:
        if probe.value("answer", False) == 42 and not probe.errors:
            return ""
        reason = "; ".join(probe.errors.values())
    except Trouble as problem:
        reason = str(problem)
    finally:
        probe.close()
    words = "an innocent notebook does not run in the sandbox here"
    if os.geteuid() and Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        words += "; if this system forbids user namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    return f"{words} ({reason})"
