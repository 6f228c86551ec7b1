"""The table of a chaos run, and one JSON object as the last line.

    python -m tests.chaos.report FILE EXIT_CODE_OF_PYTEST
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from tests.chaos.account import Account

#: Environment variable: the file that accounts are written to.
FILE = "ECG_CHAOS_REPORT"
_COUNTS = ("accepted", "done", "failed", "cancelled", "lost", "duplicated", "re_executed")


def note(file: Path, figure: str, account: Account, more: dict[str, Any]) -> None:
    with file.open("a") as out:
        out.write(json.dumps({"figure": figure, **dataclasses.asdict(account), **more}, default=str) + "\n")


def at(share: float, values: list[float]) -> float | None:
    """A percentile (nearest rank) of values; ``None`` when there are none."""
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 2) if ranked else None


def table(lines: list[dict[str, Any]]) -> str:
    heads = ["figure", *_COUNTS, "p50_s", "p95_s", "wall_s", "more"]
    rows = [heads]
    for line in sorted(lines, key=lambda line: (len(line["figure"].split()[0]), line["figure"])):
        known = {field.name for field in dataclasses.fields(Account)} | {"figure"}
        more = ", ".join(f"{name} {value}" for name, value in line.items() if name not in known)
        recovery = line["recovery_s"]
        rows.append([line["figure"], *(str(line[name]) for name in _COUNTS), str(at(0.5, recovery) or "-"),
                     str(at(0.95, recovery) or "-"), str(line["wall_s"]), more])  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads) - 1)]
    padded = ([*map(str.ljust, row, widths), row[-1]] for row in rows)
    return "\n".join("  ".join(row) for row in padded)


def main() -> None:
    file, exit_code = Path(sys.argv[1]), int(sys.argv[2])
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    print(table(lines))
    sums = {name: sum(line[name] for line in lines) for name in _COUNTS}
    recoveries = [value for line in lines for value in line["recovery_s"]]
    ok = exit_code == 0 and bool(lines) and sums["lost"] == 0 and sums["duplicated"] == 0
    print(json.dumps({"name": "chaos", "ok": ok, **sums, "recovery_p95_s": at(0.95, recoveries)}))
    sys.exit(0 if ok else exit_code or 1)


if __name__ == "__main__":
    main()
