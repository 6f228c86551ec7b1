"""Fetching files that users name, from a server of this machine that counts as public."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest

from ecg.egress import Policy, resolve
from ecg.errors import BadRequest, DownloadError, EcgError, InvalidMedia
from ecg.media import services
from ecg.media.fetch import fetch
from ecg.media.probe import Limits, probe
from tests.conftest import require
from tests.test_egress import PUBLIC, Canary, listening, policy


@pytest.fixture
def outside() -> Iterator[Canary]:
    with listening(PUBLIC) as canary:
        yield canary


def fetched(outside: Canary, out: Path, allowed: Policy | None = None) -> list[float]:
    told: list[float] = []
    fetch(f"http://{PUBLIC}:{outside.port}/talk.mp4", out, allowed or policy(outside), told.append)
    return told


def test_a_file_is_fetched_whole_and_tells_how_far_it_is(outside: Canary, tmp_path: Path) -> None:
    outside.answer = 200, {"Content-Type": "video/mp4"}, b"x" * 5_000_000
    told = fetched(outside, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == outside.answer[2]
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(("answer", "kind"), [
    ((404, {}, b""), InvalidMedia),
    ((403, {}, b""), InvalidMedia),
    ((503, {}, b""), DownloadError),
    ((429, {}, b""), DownloadError),
    ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<video src=http://localhost>"), InvalidMedia),
    ((200, {"Content-Type": "video/mp4"}, b""), InvalidMedia),
    ((200, {"Content-Type": "video/mp4", "Content-Length": "99"}, b"cut"), DownloadError),
])  # fmt: skip
def test_what_is_no_file_is_told_with_what_to_do(
    outside: Canary, tmp_path: Path, answer: tuple, kind: type[EcgError]
) -> None:
    outside.answer = answer
    with pytest.raises(kind) as raised:
        fetched(outside, tmp_path / "out")
    assert type(raised.value) is kind
    assert raised.value.retryable == (kind is DownloadError)
    assert raised.value.message.endswith(".")


@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_is_too_large_is_not_fetched(outside: Canary, tmp_path: Path, told: bool) -> None:
    length = {} if told else {"Content-Length": ""}
    outside.answer = 200, {"Content-Type": "video/mp4", **length}, b"x" * 3_000_000
    with pytest.raises(InvalidMedia, match="too large"):
        fetched(outside, tmp_path / "out", policy(outside, most_bytes=100_000))
    out = tmp_path / "out"
    assert not out.exists() or out.stat().st_size < 2_500_000


def test_a_compressed_answer_is_counted_as_it_unfolds(outside: Canary, tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    outside.answer = 200, {"Content-Type": "video/mp4", "Content-Encoding": "gzip"}, bomb
    with pytest.raises(InvalidMedia, match="too large"):
        fetched(outside, tmp_path / "out", policy(outside, most_bytes=5_000_000))
    assert (tmp_path / "out").stat().st_size < 10_000_000


def test_an_address_inside_is_refused_without_a_visit(outside: Canary, tmp_path: Path) -> None:
    with listening("127.0.0.1") as inside:
        outside.answer = 302, {"Location": f"http://127.0.0.1:{inside.port}/latest/meta-data/"}, b""
        with pytest.raises(BadRequest, match="public"):
            fetched(outside, tmp_path / "out", policy(outside, inside))
        with pytest.raises(BadRequest, match="public"):
            fetch(f"http://localhost:{inside.port}/", tmp_path / "out", policy(inside), lambda share: None)
        assert inside.visits == []


def test_an_address_that_turns_in_circles_is_left(outside: Canary, tmp_path: Path) -> None:
    outside.answer = 302, {"Location": "/talk.mp4"}, b""
    with pytest.raises(InvalidMedia, match="on and on"):
        fetched(outside, tmp_path / "out")


def test_a_server_that_is_away_may_be_asked_again(outside: Canary, tmp_path: Path) -> None:
    with listening(PUBLIC) as gone:
        allowed = policy(gone)
    with pytest.raises(DownloadError):
        fetched(gone, tmp_path / "out", allowed)
    with pytest.raises(DownloadError):
        fetch("http://nowhere.invalid/", tmp_path / "out", Policy(), lambda share: None)


#: A service whose pages yt-dlp knows, and reads over http; and one that hands out lists of pieces.
PAGE, PIECES = "http://share.glide.me/message", "http://screenrec.com/share/DasLtbknYo"
CLIP = b"x" * 300_000


@pytest.fixture
def service() -> Iterator[Canary]:
    """Such a service, on an address of this test's own: extractors know no other port."""
    try:
        with listening(f"127.{os.getpid() % 251 + 2}.{os.getpid() // 251 % 251}.7", 80) as canary:
            yield canary
    except PermissionError:
        require(False, "only root may listen on port 80")


def from_service(service: Canary, url: str, out: Path, *others: Canary, **limits: float) -> list[str]:
    """Fetch from the service; returns what was asked of it. No name leads anywhere but to it."""
    host = f"127.{os.getpid() % 251 + 2}.{os.getpid() // 251 % 251}.7"
    ports = frozenset({80, *(other.port for other in others)})
    allowed = Policy((ip_network(f"{host}/32"),), ports, **limits)  # type: ignore[arg-type]
    known = {"share.glide.me": host, "screenrec.com": host, "video.test": host}
    fetch(
        url, out, allowed, lambda share: None, lambda name, port: [known.get(name) or resolve(name, port)[0]]
    )
    return [visit for visit in service.visits if visit != "connected"]


def page_with(source: str) -> tuple[int, dict[str, str], bytes]:
    html = f"<title>Talk</title><video><source src='{source}'></video><script>customUrl: '{source}'</script>"
    return 200, {"Content-Type": "text/html"}, html.encode()


def test_the_video_behind_a_services_page_is_fetched(service: Canary, tmp_path: Path) -> None:
    service.answers = {"/message": page_with("http://video.test/talk.mp4")}
    service.answer = 200, {"Content-Type": "video/mp4"}, CLIP
    asked = from_service(service, PAGE, tmp_path / "50% of it")
    assert asked.count("/talk.mp4") == 1
    assert (tmp_path / "50% of it").read_bytes() == CLIP
    assert [file.name for file in tmp_path.iterdir()] == ["50% of it"]


@pytest.mark.parametrize("url", [PAGE, "http://video.test/any/page"])
@pytest.mark.parametrize("source", ["http://127.0.0.1:{port}/a.mp4", "http://localhost:{port}/a.mp4",
                                    "//0x7f000001:{port}/a.mp4", "file:///etc/passwd"])  # fmt: skip
def test_what_a_page_points_at_inside_is_not_visited(
    service: Canary, tmp_path: Path, url: str, source: str
) -> None:
    """A service that is known may hand out such an address; other pages are not looked into."""
    with listening("127.0.0.1") as inside:
        service.answer = page_with(source.format(port=inside.port))
        with pytest.raises((BadRequest, InvalidMedia)) as refused:
            from_service(service, url, tmp_path / "out", inside)
        assert refused.value.message.endswith(".")
        assert inside.visits == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inner", ["http://127.0.0.1:{port}/1.ts", "file:///etc/passwd", "/1.ts"])
def test_a_list_of_pieces_is_refused_and_none_of_them_fetched(
    service: Canary, tmp_path: Path, inner: str
) -> None:
    with listening("127.0.0.1") as inside:
        pieces = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{inner.format(port=inside.port)}\n"
        service.answers = {"/list.m3u8": (200, {"Content-Type": "application/x-mpegurl"}, pieces.encode())}
        service.answer = page_with("http://video.test/list.m3u8")
        with pytest.raises(InvalidMedia, match="in pieces only"):
            from_service(service, PIECES, tmp_path / "out", inside)
        assert inside.visits == []
    assert "/1.ts" not in service.visits


def test_a_list_of_pieces_given_itself_is_no_media_file(service: Canary, tmp_path: Path) -> None:
    """Taken as it is, and refused when it is looked into, as every playlist; see test_malformed."""
    with listening("127.0.0.1") as inside:
        pieces = f"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:{inside.port}/1.ts\n".encode()
        service.answer = 200, {"Content-Type": "application/x-mpegurl"}, pieces
        from_service(service, "http://video.test/list.m3u8", tmp_path / "out", inside)
        with pytest.raises(InvalidMedia):
            probe(tmp_path / "out", Limits())
        assert inside.visits == []


def test_a_services_video_that_is_too_large_is_not_fetched(service: Canary, tmp_path: Path) -> None:
    service.answers = {"/message": page_with("http://video.test/talk.mp4")}
    service.answer = 200, {"Content-Type": "video/mp4"}, CLIP
    with pytest.raises(InvalidMedia, match="too large"):
        from_service(service, PAGE, tmp_path / "out", most_bytes=100_000)


@pytest.mark.parametrize(("status", "kind"), [(503, DownloadError), (404, InvalidMedia)])
def test_a_service_that_fails_is_told_from_one_that_refuses(
    service: Canary, tmp_path: Path, status: int, kind: type[EcgError]
) -> None:
    service.answers = {"/message": page_with("http://video.test/talk.mp4")}
    service.answer = status, {}, b""
    with pytest.raises(kind) as raised:
        from_service(service, PAGE, tmp_path / "out")
    assert type(raised.value) is kind


def test_configuration_and_plugins_of_the_user_are_ignored(
    service: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those of our home, nor any that a file in the scratch folder would be."""
    for home in (tmp_path / "home", tmp_path / "scratch"):
        for name in ("yt-dlp.conf", ".config/yt-dlp/config", ".config/yt-dlp.conf", "yt-dlp.conf/config"):
            with suppress(OSError):
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_text(f"--exec 'touch {tmp_path}/ran'\n--use-extractors all\n")
        plugin = home / ".config/yt-dlp/plugins/x/yt_dlp_plugins/extractor/evil.py"
        plugin.parent.mkdir(parents=True)
        plugin.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "scratch")
    service.answers = {"/message": page_with("http://video.test/talk.mp4")}
    service.answer = 200, {"Content-Type": "video/mp4"}, CLIP
    from_service(service, PAGE, tmp_path / "scratch" / "out")
    assert (tmp_path / "scratch" / "out").read_bytes() == CLIP
    assert not (tmp_path / "ran").exists()


def test_the_command_names_its_one_way_out_and_no_other_program(tmp_path: Path) -> None:
    argv = services.command(PAGE, tmp_path / "out", "http://ecg:x@127.0.0.1:9", Policy())
    assert argv[argv.index("--proxy") + 1] == "http://ecg:x@127.0.0.1:9"
    assert argv[argv.index("--use-extractors") + 1] == "default,-generic"
    assert argv[argv.index("--downloader") + 1] == "native"
    assert {"--ignore-config", "--no-exec", "--no-plugin-dirs", "--no-cookies", "--no-cache-dir"} <= set(argv)
    assert argv[-2:] == ["--", PAGE]
