"""Who may import whom, and that everything imported is a declared dependency."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = {"ecg", "workers", "celeryconfig"}
#: Installed by whoever wants that engine; their absence is told by name.
OPTIONAL = {"torch", "whisperx", "pyannote"}


def test_imports_keep_the_contracts_of_setup_cfg():
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([program, "--config", ROOT / "setup.cfg", "--no-cache"], cwd=ROOT,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def imported() -> set[str]:
    found: set[str] = set()
    for path in [*(ROOT / "ecg").rglob("*.py"), *(ROOT / "workers").rglob("*.py"), ROOT / "celeryconfig.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - OURS - OPTIONAL - set(sys.stdlib_module_names)


def declared() -> set[str]:
    """Names of all distributions that setup.cfg asks for, and of what those ask for in turn."""
    from importlib.metadata import PackageNotFoundError, requires

    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    extras = [parser["options.extras_require"][name] for name in ("embedded", "faster-whisper", "whisperx")]
    waiting = "\n".join([parser["options"]["install_requires"], *extras]).splitlines()
    found: set[str] = set()
    while waiting:
        name = re.match(r"[A-Za-z0-9._-]*", waiting.pop().strip())[0].lower().replace("_", "-")
        if name and name not in found:
            found.add(name)
            try:
                waiting += [r for r in requires(name) or [] if "extra ==" not in r]
            except PackageNotFoundError:
                continue
    return found


def test_everything_imported_comes_with_a_declared_dependency():
    distributions, known = packages_distributions(), declared()
    brought_by = {name: {d.lower().replace("_", "-") for d in distributions.get(name, [name])}
                  for name in imported()}  # fmt: skip
    missing = {name for name, candidates in brought_by.items() if not candidates & known}
    assert not missing, f"not in setup.cfg: {missing}"
