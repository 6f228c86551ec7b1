"""What goes wrong says so within seconds, and the next scenario is captured all the same."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from ecg.browser.capture import CaptureBrowser
from ecg.browser.chromium import Chromium, find_chromium
from ecg.config import settings
from ecg.errors import BadRequest, InvalidScenario, ProcessingError, ServiceUnavailable
from tests.browser.conftest import make_browser
from tests.browser.scenarios import FPS, make_scenario, pictures


def open_and_take(browser: CaptureBrowser, **scenario: object) -> list[np.ndarray]:
    with browser.open(make_scenario(**scenario), 640, 360) as session:
        return pictures(session, 0, 20)


def descendants(pid: int) -> set[int]:
    found = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            for child in map(int, children.read_text().split()):
                found |= {child} | descendants(child)
    return found


def process_of(role: bytes, pids: set[int]) -> int:
    """The one of Chromium's processes among them that has this role: ``browser``, ``renderer`` …"""
    for pid in pids:
        line = command_line(pid)
        # Debian starts Chromium from a shell script that bears the same arguments.
        if b"--headless" in line and not line.startswith(b"/bin/"):
            found = re.search(rb"--type=([\w-]+)", line)
            if (found[1] if found else b"browser") == role:
                return pid
    raise AssertionError(f"no {role.decode()} among {pids}")


def kill_renderer(before: set[int]) -> None:
    os.kill(process_of(b"renderer", descendants(os.getpid()) - before), signal.SIGKILL)


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: set[int], timeout_s: float) -> set[int]:
    """Those still alive when the time is over."""
    deadline = time.monotonic() + timeout_s
    while (left := {pid for pid in pids if alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_a_scenario_that_breaks_its_schema_is_refused_with_a_pointed_message(by_canvas):
    scenario = make_scenario()
    scenario["cues"][1]["words"][0]["end_s"] = 0
    with pytest.raises(InvalidScenario, match=r"cues\[1\]\.words\[0\]\.end_s"):
        by_canvas.open(scenario, 640, 360)


def test_a_character_without_a_glyph_fails_the_capture(by_canvas):
    with pytest.raises(ProcessingError, match="U\\+10FFFD"):
        by_canvas.open(make_scenario(["what\U0010fffd"], cues=1), 640, 360)
    assert open_and_take(by_canvas)


def test_missing_fonts_fail_the_capture_and_name_the_remedy(tmp_path):
    with (
        make_browser(fonts_dir=tmp_path) as browser,
        pytest.raises(ProcessingError, match="ecg setup"),
    ):
        browser.open(make_scenario(), 640, 360)


def test_a_missing_player_fails_the_capture(tmp_path):
    with make_browser(player_dir=tmp_path) as browser, pytest.raises(ProcessingError, match=r"player\.js"):
        browser.open(make_scenario(), 640, 360)


def test_pixels_changed_outside_the_box_fail_the_capture(scripted):
    with (
        scripted.open(make_scenario(language="x-stray"), 640, 360) as session,
        pytest.raises(ProcessingError, match="outside its capture box"),
    ):
        pictures(session, 0, 10)


def test_a_page_that_hangs_again_and_again_is_given_up_and_the_next_scenario_works(scripted):
    begun = time.monotonic()
    with (
        scripted.open(make_scenario(language="x-hang"), 640, 360) as session,
        pytest.raises(ServiceUnavailable, match="sent nothing for 3 s"),
    ):
        pictures(session, 0, 100)
    assert session.metrics.restarts == 3
    assert time.monotonic() - begun < 30
    assert open_and_take(scripted, language="x-clock")


def test_a_page_that_hangs_twice_at_the_same_frame_is_given_up_at_once(scripted):
    with (
        scripted.open(make_scenario(language="x-stuck"), 640, 360) as session,
        pytest.raises(ServiceUnavailable),
    ):
        pictures(session, 0, 100)
    assert session.metrics.restarts == 1
    assert 20 < session.metrics.frames <= 25  # some are drawn together, and leave together
    assert session.metrics.dropped == 100 - session.metrics.frames


@pytest.mark.parametrize("role", [b"browser", b"renderer"])
@pytest.mark.parametrize("capture", ["canvas", "screenshot"])
def test_a_capture_whose_chromium_dies_goes_on_with_the_next_frame_in_another(capture, role):
    before = descendants(os.getpid())
    count = 200 if capture == "canvas" else 60  # far more than a page draws ahead
    with make_browser(capture) as browser:
        with browser.open(make_scenario(), 640, 360) as session:
            undisturbed = pictures(session, 0, count)
        with browser.open(make_scenario(), 640, 360) as session:
            taken = []
            for number, frame in enumerate(session.frames(0, count, FPS)):
                taken.append(np.frombuffer(bytes(frame), np.uint8))
                if number == 20:
                    os.kill(process_of(role, descendants(os.getpid()) - before), signal.SIGKILL)
        assert session.metrics.restarts == 1
        assert session.metrics.dropped == 0
    assert all(np.array_equal(a.ravel(), b) for a, b in zip(undisturbed, taken, strict=True))


def test_a_chromium_that_dies_too_often_fails_the_capture():
    before = descendants(os.getpid())
    with make_browser("canvas", restarts=1) as browser, browser.open(make_scenario(), 640, 360) as session:
        frames = enumerate(session.frames(0, 100_000, FPS))
        with pytest.raises(ServiceUnavailable):
            for _ in (kill_renderer(before) for number, _ in frames if number % 100 == 50):
                pass
        assert session.metrics.restarts == 1


def test_a_frozen_browser_is_ended_and_replaced():
    before = descendants(os.getpid())
    with make_browser("canvas", stall_s=3.0) as browser:
        frozen = process_of(b"browser", descendants(os.getpid()) - before)
        os.kill(frozen, signal.SIGSTOP)
        assert open_and_take(browser)
        assert not wait_until_gone({frozen}, 2)


def test_playwrights_driver_killed_between_two_scenarios_is_replaced():
    before = descendants(os.getpid())
    with make_browser("canvas") as browser:
        started = descendants(os.getpid()) - before
        os.kill(next(pid for pid in started if b"run-driver" in command_line(pid)), signal.SIGKILL)
        assert open_and_take(browser)
        assert not wait_until_gone(started, 5)


@pytest.mark.parametrize("capture", ["canvas", "screenshot"])
def test_the_next_scenario_of_the_same_size_is_drawn_on_the_same_page_as_on_a_fresh_one(capture):
    other = {"texts": ["Quite", "another"], "cues": 1}
    with make_browser(capture) as browser:
        fresh = open_and_take(browser, **other)
    before = descendants(os.getpid())
    with make_browser(capture) as browser:
        open_and_take(browser)
        page = process_of(b"renderer", descendants(os.getpid()) - before)
        again = open_and_take(browser, **other)
        assert process_of(b"renderer", descendants(os.getpid()) - before) == page
    assert all(np.array_equal(a, b) for a, b in zip(again, fresh, strict=True))


def test_a_page_that_has_shown_many_cues_is_not_used_again():
    before = descendants(os.getpid())
    with make_browser("canvas") as browser:
        open_and_take(browser, cues=100)
        page = process_of(b"renderer", descendants(os.getpid()) - before)
        open_and_take(browser)
        assert process_of(b"renderer", descendants(os.getpid()) - before) != page


def test_a_page_whose_process_died_between_two_scenarios_is_replaced():
    before = descendants(os.getpid())
    with make_browser("canvas") as browser:
        assert open_and_take(browser)
        kill_renderer(before)
        assert len(open_and_take(browser)) == 20


def test_a_page_is_not_used_again_when_something_went_wrong_beside_it():
    before = descendants(os.getpid())
    with make_browser("canvas") as browser:
        session = browser.open(make_scenario(), 640, 360)
        page = process_of(b"renderer", descendants(os.getpid()) - before)
        with pytest.raises(ZeroDivisionError), session:
            raise ZeroDivisionError
        assert not wait_until_gone({page}, 5)
        assert len(open_and_take(browser)) == 20


def test_chromium_is_started_afresh_after_its_share_of_scenarios():
    before = descendants(os.getpid())
    with make_browser("canvas", sessions_per_browser=2) as browser:
        seen = set()
        for _ in range(4):
            assert open_and_take(browser)
            seen.add(process_of(b"browser", descendants(os.getpid()) - before))
    assert len(seen) == 2


def test_chromium_is_started_afresh_when_it_holds_too_much_memory():
    before = descendants(os.getpid())
    with make_browser("canvas", most_memory_bytes=1) as browser:
        first = process_of(b"browser", descendants(os.getpid()) - before)
        assert open_and_take(browser)
        assert process_of(b"browser", descendants(os.getpid()) - before) != first


def test_the_memory_of_a_chromium_is_that_of_all_its_processes():
    others = descendants(os.getpid())
    chromium = Chromium(find_chromium(settings().chromium), settings().chromium_sandbox, "127.0.0.1:1")
    with contextlib.closing(chromium):
        browser = psutil.Process(process_of(b"browser", descendants(os.getpid()) - others))
        # How much all have is not certain: they share pages, also with other browsers.
        assert browser.memory_full_info().pss < chromium.memory_bytes() < 1e9
        chromium.kill()
        deadline = time.monotonic() + 20
        while chromium.memory_bytes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert chromium.memory_bytes() == 0


def test_the_player_is_asked_what_must_be_seen_without_a_look_at_pixels(by_canvas):
    scenario = make_scenario(["And", "then", "\u3164", "home"], cues=3)
    with by_canvas.open(scenario, 640, 360) as session:
        frames = session.frames(0, 10_000, FPS)
        next(frames)
        answer = session.inventory(scenario["cues"][1]["start_s"], scenario["cues"][1]["end_s"])
        assert any(picture.any() for picture in pictures(session, 0, 20))
    (cue,) = answer["cues"]
    assert (cue["id"], cue["start_s"]) == ("c1", scenario["cues"][1]["start_s"])
    assert [word["text"] for word in cue["words"]] == ["And", "then", "\u3164", "home"]
    assert [word["blank"] for word in cue["words"]] == [False, False, True, False]
    for word, written in zip(cue["words"], scenario["cues"][1]["words"], strict=True):
        x, y, width, height = word["rect"]
        assert session.box.x <= x < x + width <= session.box.x + session.box.width
        assert session.box.y <= y < y + height <= session.box.y + session.box.height
        assert word["lit_s"] == written["start_s"]
        assert word["lit_s"] < word["done_s"]
    assert answer["font_fault"] is None


def test_a_word_is_expected_in_its_place_when_what_moves_or_hides_it_is_over(by_canvas):
    scenario = make_scenario(["And", "then"], cues=1)
    effects = [{"name": "fade", "amount": 1, "length_s": 0.12, "at": "cue"},
               {"name": "rise", "amount": 0.2, "length_s": 0.1}]  # fmt: skip
    scenario["style"]["animation"]["effects"] = effects
    with by_canvas.open(scenario, 640, 360) as session:
        words = session.inventory(0.0, 5.0)["cues"][0]["words"]
    begin_s = scenario["cues"][0]["start_s"]
    assert [word["there_s"] for word in words] == pytest.approx([begin_s + 0.12, begin_s + 0.3 + 0.1])


def test_a_range_may_be_left_in_the_middle(by_canvas):
    with by_canvas.open(make_scenario(), 640, 360) as session:
        whole = pictures(session, 0, 60)
        for taken in (1, 5, 40):
            frames = session.frames(0, 10_000, FPS)
            for _ in range(taken):
                next(frames)
            frames.close()
            assert all(
                np.array_equal(a, b) for a, b in zip(pictures(session, 20, 40), whole[20:], strict=True)
            )


def test_the_page_waits_for_a_slow_reader(scripted):
    """Each frame shows when it was drawn: but for a few messages, that is after we asked for more."""
    with scripted.open(make_scenario(language="x-clock"), 640, 360) as session:
        frames = session.frames(0, 200, FPS)
        next(frames)
        time.sleep(1.5)
        resumed = int(time.time() * 10)
        drawn = [tenths(frame) for _, frame in zip(range(100), frames, strict=False)]
    early = [moment for moment in drawn if (resumed - moment) % 65536 in range(2, 1000)]
    assert 1 <= len(early) <= 16


def tenths(frame: memoryview) -> int:
    """The time of day that a frame of the clock shows, in tenths of a second, modulo 65536."""
    return frame[0] << 8 | frame[1]


def test_everything_ends_with_a_killed_process(tmp_path):
    script = """
import sys
from tests.browser.conftest import make_browser
from tests.browser.scenarios import FPS, make_scenario
with make_browser("canvas") as browser, browser.open(make_scenario(), 1920, 1080) as session:
    for number, frame in enumerate(session.frames(0, 10**6, FPS)):
        if number == 50:
            print("capturing", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "capturing\n"
    started = descendants(process.pid)
    assert len(started) >= 3
    process.kill()
    process.wait()
    assert not wait_until_gone(started, 5)


def chromium_without(flag: str, folder: Path) -> str:
    """A Chromium that never heard of a flag."""
    script = folder / "chromium-headless-shell"
    script.write_text(
        "#!/bin/bash\n"
        f'for argument; do [[ $argument == "{flag}" ]] || kept+=("$argument"); done\n'
        f'exec {find_chromium(settings().chromium)} "${{kept[@]}}"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def test_without_html_in_canvas_frames_are_taken_by_screenshot_and_the_metrics_say_so(tmp_path):
    chromium = chromium_without("--enable-blink-features=CanvasDrawElement", tmp_path)
    with make_browser("auto", chromium=chromium) as browser:
        assert browser.path == "screenshot"
        with browser.open(make_scenario(), 640, 360) as session:
            assert any(picture.any() for picture in pictures(session, 0, 10))
            assert session.metrics.path == "screenshot"


def test_a_canvas_that_was_asked_for_and_does_not_work_is_an_error(tmp_path):
    chromium = chromium_without("--enable-blink-features=CanvasDrawElement", tmp_path)
    with pytest.raises(ProcessingError, match="ECG_CAPTURE"), make_browser("canvas", chromium=chromium):
        pass


def test_an_unknown_way_to_capture_or_a_missing_chromium_is_named():
    with pytest.raises(BadRequest, match="webcodecs"):
        make_browser("webcodecs")
    with pytest.raises(ProcessingError, match="/no/such/chromium"):
        make_browser(chromium="/no/such/chromium")


def test_the_page_reaches_nothing_but_its_own_server(scripted):
    reached = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            reached.append(self.client_address)

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary) as canary,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        threading.Thread(target=canary.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{canary.server_address[1]}"
        datagrams.bind(canary.server_address)
        datagrams.setblocking(False)
        with socket.create_connection(canary.server_address):
            pass  # the canary does notice whoever comes
        assert open_and_take(scripted, texts=[address], cues=1, language="x-reach-out")
        canary.shutdown()
        with pytest.raises(BlockingIOError):
            datagrams.recv(100)
    assert len(reached) == 1


def test_chromium_is_told_no_secret_of_ours(monkeypatch):
    monkeypatch.setenv("ECG_SECRET_KEY", "do-not-tell")
    before = descendants(os.getpid())
    with make_browser("canvas"):
        chromium = process_of(b"browser", descendants(os.getpid()) - before)
        assert b"do-not-tell" not in Path(f"/proc/{chromium}/environ").read_bytes()
