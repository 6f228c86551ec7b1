"""What no line of ECG may do (.ci/rules.yaml): start a shell, unpickle, queue past the record, …"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import require

ROOT = Path(__file__).parents[1]
RULES = ROOT / ".ci" / "rules.yaml"
BROKEN = {
    "no-shell": ["guard.spawn(['ls'], shell=True)", "os.system('ls')", "from os import system\nsystem('ls')",
                 "started = subprocess.getoutput('ls')"],
    "programs-by-the-guard": ["subprocess.run(['ls'])", "import subprocess as s\ns.Popen(['ls'])",
                              "from subprocess import check_output\ncheck_output(['ls'])",
                              "class Mine(subprocess.Popen): pass"],
    "nothing-unpickled": ["import pickle", "from pickle import loads", "import dill as d", "eval(text)",
                          "yaml.load(text)", "np.load(path, allow_pickle=True)"],
    "only-the-dispatcher-queues": ["step.delay(1)", "step.apply_async([1])", "app.send_task('x')"],
    "addresses-by-egress": ["requests.get(url)", "from requests import Session\nSession()",
                            "from urllib.request import urlopen\nurlopen(url)"],
    "templates-escape": ["from markupsafe import Markup\nMarkup(name)", "flask.render_template_string(name)"],
    "text-stays-text": ["node.innerHTML = name;", "node.innerHTML += name;", "eval(name);",
                        "node.insertAdjacentHTML('beforeend', name);", "const made = new Function(name);"],
}  # fmt: skip
FINE = ["guard.spawn(['ls'], shell=False)", "np.load(path, allow_pickle=False)", "yaml.safe_load(text)",
        "session.get(url)", "executor.submit(1)"]  # fmt: skip


def findings(folder: Path, *paths: str) -> dict[str, set[str]]:
    """Which rules each file breaks, by its path from the folder; a file that cannot be read is an error."""
    semgrep = shutil.which("semgrep", path=f"{sys.prefix}/share/semgrep/bin:{os.environ['PATH']}")
    require(semgrep, "semgrep is not installed: CI=1 script/setup test")
    argv = [semgrep, "scan", "--config", str(RULES), "--json", "--quiet", "--no-git-ignore", "--metrics=off",
            "--disable-version-check", *paths]  # fmt: skip
    run = subprocess.run(argv, cwd=folder, text=True, capture_output=True, timeout=240)
    told = json.loads(run.stdout)
    assert not told["errors"], told["errors"]
    broken: dict[str, set[str]] = {path: set() for path in told["paths"]["scanned"]}
    for found in told["results"]:
        broken[found["path"]].add(found["check_id"].rpartition(".")[2])
    return broken


def test_no_source_breaks_a_rule() -> None:
    found = findings(ROOT, "ecg", "workers", "celeryconfig.py")
    assert {f"ecg/{name}" for name in ("guard.py", "web/static/js/app.js")} <= set(found)
    assert len(found) > 250
    assert {path: rules for path, rules in found.items() if rules} == {}


def test_each_rule_is_seen_when_it_is_broken_and_who_may_break_it_still_does(tmp_path: Path) -> None:
    """Else a rule would hold of nothing, and names would be excluded for ever."""
    expected: dict[str, set[str]] = {}

    def write(name: str, source: str, *rules: str) -> None:
        (tmp_path / name).write_text(source)
        expected[name] = set(rules)

    for rule, examples in BROKEN.items():
        for number, example in enumerate(examples):
            write(f"{rule}-{number}{'.js' if rule == 'text-stays-text' else '.py'}", f"{example}\n", rule)
    write("fine.py", "\n".join(FINE))
    excluded = [(rule["id"], path) for rule in yaml.safe_load(RULES.read_text())["rules"]
                for path in rule.get("paths", {}).get("exclude", [])]  # fmt: skip
    for rule, path in excluded:
        write(f"{rule}-{path.replace('/', '-')}", (ROOT / path).read_text(), rule)
    found = findings(tmp_path, ".")
    assert {name: rules for name, rules in expected.items() if not rules <= found[name]} == {}
    assert found["fine.py"] == set()
    assert {rule["id"] for rule in yaml.safe_load(RULES.read_text())["rules"]} == set(BROKEN)


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
