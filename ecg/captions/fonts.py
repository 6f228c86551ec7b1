"""The caption fonts: npm packages, installed once at set-up and never fetched while rendering.

The player finds them under ``fonts/<package path>`` beside its own modules; whoever serves the
player maps that to ``<fonts_dir>/node_modules``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from ecg import guard
from ecg.errors import CommandFailed, EngineUnavailable, TimeoutExceeded

PLAYER_DIR = Path(__file__).parent / "player"

_MANIFESTS = ("package.json", "package-lock.json")


def packages() -> dict[str, str]:
    """The npm packages that captions are set in, with the version asked for of each."""
    return json.loads((PLAYER_DIR / "package.json").read_text())["dependencies"]


def fonts_ready(fonts_dir: Path) -> list[str]:
    """The packages still missing from ``fonts_dir``, or there in another version; empty when all is well."""
    return [name for name, version in packages().items() if _installed(fonts_dir, name) != version]


def install(fonts_dir: Path, timeout_s: float = 600.0) -> None:
    """Install the fonts into ``fonts_dir`` with ``npm ci``, exactly as the lock file says.

    Raises `EngineUnavailable` without npm, `CommandFailed` when npm fails, `TimeoutExceeded`.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise EngineUnavailable(
            "npm is needed once to install the caption fonts. Install Node.js with npm "
            "(Debian: `apt-get install npm`), then run `ecg setup` again.",
            missing=fonts_ready(fonts_dir),
        )
    fonts_dir.mkdir(parents=True, exist_ok=True)
    for name in _MANIFESTS:
        shutil.copyfile(PLAYER_DIR / name, fonts_dir / name)
    # No scripts: the packages are fonts and CSS and have nothing to run.
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], fonts_dir, timeout_s)


def _installed(fonts_dir: Path, name: str) -> str | None:
    manifest = fonts_dir / "node_modules" / name / "package.json"
    return json.loads(manifest.read_text())["version"] if manifest.is_file() else None


def _run(argv: list[str], folder: Path, timeout_s: float) -> None:
    process = guard.spawn(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise TimeoutExceeded(
            f"Installing the caption fonts took longer than {timeout_s:.0f} s. Check the connection to the "
            "npm registry and run `ecg setup` again.",
            argv=argv,
        ) from None
    if process.returncode:
        raise CommandFailed(
            "npm could not install the caption fonts; its own words are in the details.",
            argv=argv, exit_code=process.returncode, stderr_tail=output.decode(errors="replace")[-2000:],
        )  # fmt: skip
