"""Which GPUs are found, which workers they get, and what is told of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ecg import gpu
from ecg.config import Settings
from ecg.errors import BadRequest
from ecg.gpu import gpu_figures
from ecg.stack import gpus
from ecg.stack.processes import process_types
from tests.stack.nvidia_smi import install

TWO = ("0, NVIDIA A10, 100, 24564, 0", "1, NVIDIA A10, 200, 24564, 0")


@pytest.fixture(autouse=True)
def no_pinning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_every_gpu_the_driver_names_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install(tmp_path, monkeypatch, *TWO)
    assert gpus.find("auto") == ["0", "1"]
    assert gpus.find("1") == ["1"]
    assert gpus.find("none") == []


def test_only_gpus_that_ecg_itself_may_see_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install(tmp_path, monkeypatch, *TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert gpus.find("auto") == ["1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpus.find("auto") == []


def test_a_machine_without_a_driver_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.find("auto") == []


def test_each_gpu_gets_as_many_audio_workers_as_asked_for_and_one_for_renders():
    kinds = {kind.name: kind.command for kind in process_types(["0", "1"], False, audio_per_gpu=2)}
    pinned = {name for name in kinds if "gpu" in name}
    audio = {"audio-gpu0", "audio-gpu0-2", "audio-gpu1", "audio-gpu1-2"}
    assert pinned == {*audio, "render-gpu0", "render-gpu1"}
    assert kinds["audio-gpu1-2"][-2:] == ("--gpu", "1")
    on_the_cpu = [kind.name for kind in process_types([], False, audio_per_gpu=2)]
    assert [name for name in on_the_cpu if name.startswith("audio")] == ["audio"]


@pytest.mark.parametrize("nonsense", ["0", "-1", "two"])
def test_a_gpu_without_audio_workers_cannot_be_asked_for(nonsense: str):
    with pytest.raises(BadRequest, match="ECG_AUDIO_WORKERS_PER_GPU"):
        Settings.from_env({"ECG_AUDIO_WORKERS_PER_GPU": nonsense})


def test_a_pinned_worker_and_its_spawned_children_see_one_gpu_in_the_order_of_the_driver(tmp_path: Path):
    script = (
        "import multiprocessing, os, sys\n"
        "def show():\n"
        "    print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['CUDA_DEVICE_ORDER'])\n"
        "if __name__ == '__main__':\n"
        "    from workers.consumer import pin\n"
        "    pin('3')\n"
        "    child = multiprocessing.get_context('spawn').Process(target=show)\n"
        "    child.start(); child.join(); sys.exit(child.exitcode)\n"
    )
    (tmp_path / "pinned.py").write_text(script)  # a spawned child imports its target from a file
    done = subprocess.run([sys.executable, str(tmp_path / "pinned.py")], capture_output=True, text=True,
                          timeout=60, check=True)  # fmt: skip
    assert done.stdout.strip() == "3 PCI_BUS_ID"


def test_the_figures_of_a_job_are_the_peak_of_memory_and_the_mean_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = install(tmp_path, monkeypatch, *(
        f"1, NVIDIA A10, {used}, 24564, {busy}" for used, busy in ((500, 0), (6100, 100), (4000, 50))
    ))  # fmt: skip
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with gpu_figures() as figures:
        assert figures == {}
        wait_for_samples(asked)
    told = figures["gpu"]
    assert (told["name"], told["memory_peak_mib"], told["memory_total_mib"]) == ("NVIDIA A10", 6100, 24564)
    assert 30 < told["busy_percent"] < 60
    assert told["samples"] >= 3
    assert "--id=1" in asked.read_text()


def wait_for_samples(asked: Path) -> None:
    deadline_s = time.monotonic() + 20
    while not asked.exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    time.sleep(0.5)


def test_without_a_gpu_nothing_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with gpu_figures() as figures:
        pass
    assert figures == {}


def test_a_worker_that_may_see_no_gpu_asks_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = install(tmp_path, monkeypatch, *TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with gpu_figures() as figures:
        pass
    assert figures == {}
    assert not asked.exists()


def test_what_the_driver_cannot_tell_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = install(tmp_path, monkeypatch, "0, NVIDIA A10, [N/A], 24564, [N/A]")
    with gpu_figures() as figures:
        wait_for_samples(asked)
    assert figures == {}


def test_an_error_of_the_work_passes_and_the_sampling_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install(tmp_path, monkeypatch, *TWO)
    with pytest.raises(ZeroDivisionError), gpu_figures():
        raise ZeroDivisionError
    assert not [thread.name for thread in threading.enumerate() if thread.name == "gpu"]


def test_the_names_of_gpus_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install(tmp_path, monkeypatch, *TWO)
    assert gpu.query("index,name") == ["0, NVIDIA A10", "1, NVIDIA A10"]
