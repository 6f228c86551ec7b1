"""What no line of ECG may do, read from its source: start a shell, unpickle, queue past the record."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("ecg/**/*.py"), *ROOT.glob("workers/**/*.py"), ROOT / "celeryconfig.py"])
#: Only these start programs: the guard, which everything else goes through, and the keeper of a lease, which
#: a guard would outlive.
STARTERS = {"ecg/guard.py", "ecg/guard_process.py", "ecg/jobs/keeper.py"}
#: These become gunicorn.
BECOMING = {"workers/web.py", "workers/streams.py"}
#: Only the dispatcher puts messages into queues, and it sends what the record of work says.
SENDERS = {"workers/dispatch.py"}
STARTING = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call",
            "subprocess.check_output", "subprocess.getoutput", "os.system", "os.popen", "os.fork", "os.execv",
            "os.execvp", "os.posix_spawn", "pty.spawn", "asyncio.create_subprocess_exec",
            "asyncio.create_subprocess_shell"}  # fmt: skip
UNSAFE = {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "tempfile.mktemp"}
UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "jsonpickle", "telnetlib", "ftplib"}
QUEUEING = {"delay", "apply_async", "send_task"}


def findings(source: str, path: str) -> Iterator[str]:
    """What is wrong with a file."""
    for node in ast.walk(ast.parse(source)):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"{where} imports {name}" for name in _imported(node) & UNSAFE_MODULES)
        if isinstance(node, ast.ClassDef) and path not in STARTERS:
            yield from (f"{where} is a process" for base in node.bases if ast.unparse(base) in STARTING)
        if isinstance(node, ast.Call):
            yield from (f"{where} {fault}" for fault in _faults(node, path))


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {name.partition(".")[0] for name in named}


def _faults(call: ast.Call, path: str) -> Iterator[str]:
    called = ast.unparse(call.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if given.get("shell", "False") != "False":
        yield "starts a shell"
    if given.get("allow_pickle", "False") != "False" or called in UNSAFE:
        yield f"calls {called}"
    if called in STARTING and path not in STARTERS | BECOMING:
        yield f"starts a program by {called}, not by ecg.guard"
    if isinstance(call.func, ast.Attribute) and call.func.attr in QUEUEING and path not in SENDERS:
        yield f"queues by .{call.func.attr}(), past the record of work"


def test_no_source_breaks_a_rule() -> None:
    assert len(SOURCES) > 150
    found = [fault for path in SOURCES for fault in findings(path.read_text(), str(path.relative_to(ROOT)))]
    assert found == []


@pytest.mark.parametrize("line", [
    "subprocess.run(['ls'])", "guard.spawn(['ls'], shell=True)", "import pickle", "from pickle import loads",
    "yaml.load(text)", "step.delay(1)", "step.apply_async([1])", "app.send_task('x')", "os.system('ls')",
    "np.load(path, allow_pickle=True)", "class Mine(subprocess.Popen): pass", "eval(text)",
])  # fmt: skip
def test_each_rule_is_seen_when_it_is_broken(line: str) -> None:
    assert list(findings(line, "ecg/any.py"))


def test_those_who_may_still_do_what_they_may() -> None:
    """Else their names would stay in the lists for ever."""
    for path in STARTERS | BECOMING | SENDERS:
        assert list(findings((ROOT / path).read_text(), "ecg/any.py")), path


def test_messages_are_json_and_nothing_else(database: str) -> None:
    import celeryconfig
    from ecg.tasks import app

    assert celeryconfig.accept_content == ["json"]
    assert app.conf.accept_content == ["json"]
    assert (app.conf.task_serializer, app.conf.event_serializer) == ("json", "json")
    assert not set(app.conf.result_accept_content or ()) - {"json"}
    assert app.conf.task_ignore_result
    assert app.conf.result_backend is None


def test_bandit_finds_nothing_of_weight() -> None:
    """What it is told to pass over says so, and why, at its line."""
    bandit = shutil.which("bandit", path=str(Path(sys.executable).parent))
    require(bandit, "bandit is not installed")
    assert bandit
    argv = [bandit, "-q", "-ll", "-r", "ecg", "workers", "celeryconfig.py"]
    run = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, timeout=120)
    assert run.returncode == 0, run.stdout
