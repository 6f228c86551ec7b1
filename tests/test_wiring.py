"""Names of tasks, queues and processes must agree wherever they are written down."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest
import yaml

from ecg.jobs.graphs import Queue, all_steps
from ecg.stack.processes import process_types
from ecg.tasks import app

ROOT = Path(__file__).parent.parent
DOCKERFILES = ("Dockerfile.web", "Dockerfile.gpu")


def registered_tasks() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith(("celery.", "pytest_celery."))}


def process_modules() -> set[str]:
    """Modules of `workers` that are meant to be run."""
    return {
        path.stem for path in (ROOT / "workers").glob("*.py") if '__name__ == "__main__"' in path.read_text()
    }


def consumed_queues() -> dict[str, list[str]]:
    """queue → modules of `workers` that consume it."""
    found: dict[str, list[str]] = {}
    for name in process_modules():
        queue = getattr(importlib.import_module(f"workers.{name}"), "QUEUE", None)
        if queue is not None:
            found.setdefault(str(queue), []).append(name)
    return found


def command_module(command: list[str]) -> str | None:
    """The module of `workers` that a command runs."""
    return command[-1].removeprefix("workers.") if command[:2] == ["python", "-m"] else None


def compose() -> dict[str, dict]:
    return yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]


def instructions(dockerfile: str) -> list[str]:
    """The instructions of a Dockerfile, continuation lines joined and comments dropped."""
    lines = [line for line in (ROOT / dockerfile).read_text().splitlines() if not line.startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def test_every_step_has_a_task_and_every_task_is_a_step_or_upkeep():
    steps = {spec.task_name for spec in all_steps()}
    others = registered_tasks() - steps
    assert steps <= registered_tasks()
    assert all(name.startswith("ecg.upkeep.") for name in others), others


def test_every_task_is_routed_to_the_queue_in_its_name():
    for name in registered_tasks():
        assert app.amqp.router.route({}, name)["queue"].name == name.split(".")[1], name


def test_every_queue_is_consumed_by_exactly_one_process_type():
    assert {queue: len(names) for queue, names in consumed_queues().items()} == {
        str(queue): 1 for queue in Queue
    }


def test_what_beat_asks_for_is_a_task():
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= registered_tasks()


def test_a_stack_on_one_machine_starts_every_process_type():
    assert {
        command_module(["python", *kind.command[1:]]) for kind in process_types([], flower=True)
    } == process_modules()


def test_each_gpu_gets_its_own_audio_and_render_worker():
    names = [kind.name for kind in process_types(["0", "1"], flower=False)]
    assert {"audio-gpu0", "audio-gpu1", "render-gpu0", "render-gpu1"} <= set(names)
    assert len(names) == len(set(names))


def test_compose_runs_every_process_type_once():
    modules = [command_module(service.get("command", [])) for service in compose().values()]
    assert sorted(filter(None, modules)) == sorted(process_modules())


def test_compose_builds_each_process_from_the_dockerfile_that_names_it():
    for name, service in compose().items():
        module = command_module(service.get("command", []))
        if module:
            dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
            assert f"python -m workers.{module}" in dockerfile, name


def test_dockerfiles_together_name_every_process_type_once():
    text = "".join((ROOT / name).read_text() for name in DOCKERFILES)
    assert sorted(re.findall(r"^#   python -m workers\.(\w+)", text, re.M)) == sorted(process_modules())


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_dockerfile_keeps_the_rules(dockerfile: str):
    lines = instructions(dockerfile)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users, "runs as root"
    assert users[-1] not in {"root", "0"}
    assert not [line for line in lines if line.startswith("ADD ")], "COPY says what it does, ADD guesses"
    assert not [line for line in lines if line.startswith("RUN") and re.search(r"\bsudo\b|curl[^|]*\|", line)]
    for line in lines:
        if line.startswith(("CMD ", "ENTRYPOINT ")):
            assert json.loads(line.split(" ", 1)[1]), "a shell in between swallows SIGTERM"
        if line.startswith("RUN") and "apt-get install" in line:
            assert "--no-install-recommends" in line
            assert "rm -rf /var/lib/apt/lists/*" in line


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_base_images_are_pinned(dockerfile: str):
    bases = [line.split()[1] for line in instructions(dockerfile) if line.startswith("FROM ")]
    images = [*bases, *(service["image"] for service in compose().values() if "build" not in service)]
    for image in images:
        assert re.search(r":\d+\.\d+", image), f"{image} names no version"
