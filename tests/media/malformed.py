"""Files that mean ill, or were damaged on the way: real ones changed at random, and some made by hand."""

from __future__ import annotations

import gzip
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.media import boxes, clips
from tests.media.boxes import box, words

_PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1")
_TONE = ("-f", "lavfi", "-i", "sine=d=1:r=16000")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
#: Real files, by name: what ffmpeg is told to make them of.
SEEDS: dict[str, tuple[object, ...]] = {
    "plain.mp4": (*_PICTURE, *_TONE, *_H264, "-c:a", "aac"),
    "index-first.mp4": (*_PICTURE, *_TONE, *_H264, "-c:a", "aac", "-movflags", "+faststart"),
    "fragments.mp4": (
        *_PICTURE,
        *_TONE,
        *_H264,
        "-g",
        5,
        "-c:a",
        "aac",
        "-movflags",
        "frag_keyframe+empty_moov",
    ),
    "hevc.mp4": (
        *_PICTURE,
        *_TONE,
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none",
        "-preset",
        "ultrafast",
        "-c:a",
        "alac",
        "-strict",
        "-2",
    ),
    "av1.mp4": (*_PICTURE, "-c:v", "libsvtav1", "-preset", "12"),
    "prores.mov": (*_PICTURE, *_TONE, "-c:v", "prores", "-frames:v", 3, "-c:a", "pcm_s16le"),
    "plain.mkv": (*_PICTURE, *_TONE, *_H264, "-c:a", "libvorbis"),
    "plain.webm": (
        *_PICTURE,
        *_TONE,
        "-c:v",
        "libvpx",
        "-deadline",
        "realtime",
        "-cpu-used",
        8,
        "-c:a",
        "libopus",
    ),
    "vp9.webm": (
        *_PICTURE,
        *_TONE,
        "-c:v",
        "libvpx-vp9",
        "-deadline",
        "realtime",
        "-cpu-used",
        8,
        "-c:a",
        "libopus",
    ),
    "plain.avi": (*_PICTURE, *_TONE, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "motion-jpeg.avi": (*_PICTURE, *_TONE, "-c:v", "mjpeg", "-c:a", "adpcm_ms"),
    "plain.ts": (*_PICTURE, *_TONE, *_H264, "-c:a", "aac"),
    "mpeg2.ts": (*_PICTURE, *_TONE, "-c:v", "mpeg2video", "-c:a", "ac3"),
    "plain.wav": (*_TONE,),
    "plain.mp3": (*_TONE,),
    "plain.flac": (*_TONE,),
    "plain.ogg": (*_TONE, "-c:a", "libvorbis"),
    "theora-less.ogg": (*_TONE, "-c:a", "libopus"),
    "plain.aac": (*_TONE,),
    "plain.m4a": (*_TONE, "-c:a", "aac"),
}


def seeds(folder: Path) -> dict[str, bytes]:
    """The real files, as bytes."""
    folder.mkdir()
    for name, how in SEEDS.items():
        clips.ffmpeg(*how, folder / name)
    return {name: (folder / name).read_bytes() for name in SEEDS}


def mutated(real: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged files ``(name, bytes)``: the kinds of file in turn, the damage by chance."""
    chance = random.Random(seed)
    names = list(real)
    for number in range(count):
        name = names[number % len(names)]
        damage = chance.choice(_DAMAGES)
        damaged = bytearray(real[name])
        for _ in range(chance.choice((1, 1, 2))):
            damaged = damage(damaged, chance)
        yield f"{number:04d}-{damage.__name__.strip('_')}-{name}", bytes(damaged)


def _cut_off(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(len(data) or 1)]


def _bits_flipped(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 8, 64, max(1, len(data) // 200)))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _head_flipped(data: bytearray, chance: random.Random) -> bytearray:
    """Where most of what a demuxer believes is written."""
    ends = min(len(data), 4096)
    for _ in range(chance.choice((1, 4, 16))):
        data[chance.choice((chance.randrange(ends), len(data) - 1 - chance.randrange(ends)))] = chance.choice(
            (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
        )
    return data


def _numbers_blown_up(data: bytearray, chance: random.Random) -> bytearray:
    """Four bytes in a row become a number on the edge of what fits."""
    for _ in range(chance.choice((1, 3, 10))):
        at = chance.randrange(max(1, len(data) - 4))
        value = chance.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0xFFFF))
        data[at : at + 4] = value.to_bytes(4, chance.choice(("big", "little")))
    return data


def _shuffled(data: bytearray, chance: random.Random) -> bytearray:
    size = chance.choice((16, 188, 512, 4096))
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    for _ in range(chance.choice((1, 3, len(parts)))):
        one, other = chance.randrange(len(parts)), chance.randrange(len(parts))
        parts[one], parts[other] = parts[other], parts[one]
    return bytearray(b"".join(parts))


def _zeroed(data: bytearray, chance: random.Random) -> bytearray:
    at, size = chance.randrange(len(data)), chance.choice((4, 100, 5000))
    data[at : at + size] = bytes(len(data[at : at + size]))
    return data


def _repeated(data: bytearray, chance: random.Random) -> bytearray:
    at, size = chance.randrange(len(data)), chance.choice((8, 64, 1000))
    return data[:at] + data[at : at + size] * chance.choice((2, 50)) + data[at:]


def _left_out(data: bytearray, chance: random.Random) -> bytearray:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 4, 100, 3000))]
    return data or bytearray(b"\0")


_DAMAGES = (
    _cut_off,
    _bits_flipped,
    _head_flipped,
    _numbers_blown_up,
    _shuffled,
    _zeroed,
    _repeated,
    _left_out,
)


@dataclass(frozen=True)
class Bait:
    """What a file tries to have opened: a web server of ours, a file of ours. Nobody may come."""

    url: str
    file: Path

    @property
    def file_url(self) -> str:
        return f"file://{self.file}"


_HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n{more}#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"
_SVG = """<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "{file}">]>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
<image xlink:href="{url}/image.png" width="9" height="9"/><text>&x;</text></svg>"""
_DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>
<SegmentBase indexRange="0-9"/></Representation></AdaptationSet></Period></MPD>"""
_SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    "a=control:{url}\n"
)


def texts(bait: Bait) -> dict[str, str]:
    """Texts that make some program open another file; by the name they come under."""
    url, file = bait.url, bait.file_url
    return {
        "hls-web.mp4": _HLS.format(more="", target=f"{url}/a.ts"),
        "hls-web.m3u8": _HLS.format(more="", target=f"{url}/a.ts"),
        "hls-file.ts": _HLS.format(more="", target=file),
        "hls-path.m3u8": _HLS.format(more="", target=bait.file),
        "hls-key.m3u8": _HLS.format(more=f'#EXT-X-KEY:METHOD=AES-128,URI="{file}"\n', target=f"{url}/a.ts"),
        "hls-map.m3u8": _HLS.format(more=f'#EXT-X-MAP:URI="{url}/init.mp4"\n', target=f"{url}/a.m4s"),
        "hls-concat.m3u8": _HLS.format(more="", target=f"concat:{url}/head|{bait.file}"),
        "hls-master.m3u8": f'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}/inner.m3u8\n',
        "ffconcat-web.mp4": f"ffconcat version 1.0\nfile '{url}/a.mp4'\n",
        "ffconcat-file.txt": f"ffconcat version 1.0\nfile '{bait.file}'\n",
        "ffconcat-pipe.ffconcat": "ffconcat version 1.0\nfile 'pipe:0'\n",
        "dash-web.mpd": _DASH.format(target=f"{url}/a.mp4"),
        "dash-file.mp4": _DASH.format(target=file),
        "smooth.ism": f'<SmoothStreamingMedia MajorVersion="2"><Clip Url="{url}/a"/></SmoothStreamingMedia>',
        "reference.asx": f'<asx version="3.0"><entry><ref href="{url}/a.wmv"/></entry></asx>',
        "reference.asf": f"[Reference]\nRef1={url}/a.asf?MSWMExt=.asf\nRef2={file}\n",
        "list.pls": f"[playlist]\nFile1={url}/a.mp3\nNumberOfEntries=1\nVersion=2\n",
        "list.xspf": '<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
                     f"<location>{url}/a.mp3</location></track></trackList></playlist>",
        "list.smil": f'<smil><body><video src="{url}/a.mp4"/></body></smil>',
        "call.sdp": _SDP.format(port=url.rpartition(":")[2], url=url),
        "call.mp4": _SDP.format(port=url.rpartition(":")[2], url=url),
        "picture.svg": _SVG.format(url=url, file=file),
        "picture.mp4": _SVG.format(url=url, file=file),
        "graph.txt": f"movie={bait.file}[out0]",
        "avisynth.avs": f'AviSource("{bait.file}")',
        "vapoursynth.vpy": f'open("{bait.file}").read()',
        "lines.srt": "1\n00:00:00,000 --> 00:00:05,000\n<font face='x'>Hello</font>\n",
        "lines.vtt": "WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n",
        "lines.ass": "[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: x.ttf\n!!!!\n[Events]\n",
        "notes.mp4": "Dear diary, today I renamed a text file.\n" * 50,
        "concat:a.mp4|b.mp4": "no file either",
        "-i": "an option",
        "pipe:0": "a pipe",
        "%d.png": "a pattern",
    }  # fmt: skip


Maker = Callable[[Path, Bait], bytes]


def _dref(kind: str, target: str) -> bytes:
    """An mp4 whose sound lies in another file."""
    reference = box(kind, words(0), target.encode() + b"\0")
    if kind == "alis":  # QuickTime's: a record of 150 bytes, then (type, length, text) up to type -1
        path = target.encode()
        record = bytes(150) + struct.pack(">hH", 18, len(path)) + path + b"\0" * (len(path) % 2)
        reference = box("alis", words(0), record + struct.pack(">hH", -1, 0))
    track = boxes.sound_track(*boxes.sample_tables(8000, 2), reference=reference)
    return box("ftyp", b"qt  ", words(512), b"qt  ") + boxes.movie(track)


def _reference_movie(target: str) -> bytes:
    data = box("rdrf", words(0), b"url ", words(len(target) + 1), target.encode() + b"\0")
    return boxes.FTYP + box("moov", box("rmra", box("rmda", data)))


def _samples(count: int, size: int, delta: int = 1) -> bytes:
    """An mp4 of less than a kilobyte that says it holds ``count`` samples."""
    track = boxes.sound_track(*boxes.sample_tables(count, size, delta), duration=count * delta & 0xFFFFFFFF)
    return boxes.FTYP + box("mdat", bytes(64)) + boxes.movie(track)


def _run(count: int) -> bytes:
    """A fragment that says it holds ``count`` samples of which it lists none."""
    tables = (
        box("stts", words(0, 0)),
        box("stsc", words(0, 0)),
        box("stsz", words(0, 0, 0)),
        box("stco", words(0, 0)),
    )
    head = boxes.movie(boxes.sound_track(*tables), box("mvex", box("trex", words(0, 1, 1, 1, 2, 0))))
    fragment = box(
        "moof",
        box("mfhd", words(0, 1)),
        box("traf", box("tfhd", words(0x20000, 1)), box("trun", words(1, count, 16))),
    )
    return boxes.FTYP + head + fragment * 3 + box("mdat", bytes(64))


def _edits(count: int) -> bytes:
    edits = box("edts", box("elst", words(0, count), words(1, 0, 0x10000) * count))
    return (
        boxes.FTYP
        + box("mdat", bytes(16000))
        + boxes.movie(boxes.sound_track(*boxes.sample_tables(8000, 2), edits=edits))
    )


def _tracks(count: int) -> bytes:
    tracks = (boxes.sound_track(*boxes.sample_tables(8000, 2), number=n + 1) for n in range(count))
    return boxes.FTYP + box("mdat", bytes(16000)) + boxes.movie(*tracks)


def _packed_index(size_bytes: int) -> bytes:
    packed = box(
        "cmov", box("dcom", b"zlib"), box("cmvd", words(size_bytes), zlib.compress(bytes(size_bytes), 9))
    )
    return boxes.FTYP + box("moov", packed) + box("mdat", bytes(64))


def _cover(side: int) -> bytes:
    picture = b"\0image/png\0\x03\0" + boxes.png_head(side)
    return boxes.id3(("APIC", picture, 0))


def _programs(count: int) -> bytes:
    """A transport stream whose one program has ``count`` streams, some packets of each."""
    packets = []
    for start in range(0, count, 30):
        pids = range(0x100 + start, 0x100 + min(start + 30, count))
        listed = b"".join(b"\x0f" + (0xE000 | pid).to_bytes(2) + b"\xf0\0" for pid in pids)
        section = (
            b"\x02" + (0xB000 | len(listed) + 13).to_bytes(2) + b"\0\x01" + b"\xc1\0\0\xe1\0\xf0\0" + listed
        )
        packets.append(_ts_packet(0x1000 + start, section + _crc(section)))
    programs = b"".join(
        (n + 1).to_bytes(2) + (0xE000 | 0x1000 + 30 * n).to_bytes(2) for n in range(len(packets))
    )
    table = b"\0" + (0xB000 | len(programs) + 9).to_bytes(2) + b"\0\x01\xc1\0\0" + programs
    sounds = b"".join(
        _ts_packet(0x100 + n, b"\0\0\x01\xc0\0\0\x80\0\0" + b"\xff\xf1\x50\x80\x02\x1f\xfc" * 20, True)
        for n in range(count)
    )
    return (_ts_packet(0, table + _crc(table)) + b"".join(packets) + sounds) * 2


def _ts_packet(pid: int, payload: bytes, data: bool = False) -> bytes:
    head = b"\x47" + (0x4000 | pid).to_bytes(2) + b"\x10" + (b"" if data else b"\0")
    return (head + payload)[:188].ljust(188, b"\xff")


def _crc(section: bytes) -> bytes:
    value = 0xFFFFFFFF
    for byte in section:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return words(value)


def _long_flac(hours: int) -> bytes:
    head = bytearray(b"fLaC\x80\0\0\x22" + struct.pack(">HH", 4096, 4096) + bytes(6))
    total = hours * 3600 * 8000
    head += (8000 << 44 | 0 << 41 | 15 << 36 | total).to_bytes(8) + bytes(16)
    return bytes(head)


def _made(folder: Path, name: str, *how: object) -> bytes:
    clips.ffmpeg(*how, folder / name)
    return (folder / name).read_bytes()


def _repeated_frame(folder: Path, seconds: int) -> bytes:
    """Silence in AAC (ADTS, 8 kHz) as one frame again and again; nothing in it says how long it is."""
    short = _made(folder, "a.aac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=2", "-c:a", "aac")
    frame = short[short.rindex(b"\xff\xf1") :]
    return frame * (seconds * 8000 // 1024)


def _zip(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mp4", bytes(30_000_000))
    return (folder / "made.zip").read_bytes()


def _frozen(folder: Path, *how: object) -> bytes:
    """A picture every hour, for a day."""
    return _made(folder, "frozen.mp4", "-f", "lavfi", "-i", "color=s=64x64:r=1/3600:d=86400", *_H264, *how)


def _with_font(folder: Path) -> bytes:
    (folder / "x.ttf").write_bytes(b"\0\1\0\0\xff\xff" + bytes(1000))
    return _made(
        folder,
        "font.mkv",
        *_PICTURE,
        *_TONE,
        *_H264,
        "-attach",
        folder / "x.ttf",
        "-metadata:s:t",
        "mimetype=application/x-truetype-font",
    )


def _many_fonts(folder: Path) -> bytes:
    (folder / "x.ttf").write_bytes(bytes(1000))
    attached = [part for _ in range(400) for part in ("-attach", folder / "x.ttf")]
    mime = ("-metadata:s:t", "mimetype=application/x-truetype-font")
    return _made(folder, "fonts.mkv", *_TONE, *attached, *mime)


def _avi(**changed: int) -> bytes:
    """An avi of one second without a picture, the fields of its headers as told."""
    known = {"scale": 1, "rate": 25, "width": 64, "height": 64, "length": 25, **changed}
    main = struct.pack(
        "<14I",
        40000,
        0,
        0,
        0x10,
        known["length"],
        0,
        1,
        0,
        known["width"] & 0xFFFFFFFF,
        known["height"] & 0xFFFFFFFF,
        0,
        0,
        0,
        0,
    )
    strh = (
        b"vidsMJPG"
        + struct.pack(
            "<IHHIIIIIIII", 0, 0, 0, 0, known["scale"], known["rate"], 0, known["length"], 0, 0xFFFFFFFF, 0
        )
        + bytes(8)
    )
    strf = struct.pack("<IiiHH4sIiiII", 40, known["width"], known["height"], 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    lists = boxes.chunk(
        b"LIST",
        b"hdrl"
        + boxes.chunk(b"avih", main)
        + boxes.chunk(b"LIST", b"strl" + boxes.chunk(b"strh", strh) + boxes.chunk(b"strf", strf)),
    )
    pictures = b"".join(boxes.chunk(b"00dc", b"\xff\xd8\xff\xd9") for _ in range(25))
    return boxes.riff(b"AVI ", lists, boxes.chunk(b"LIST", b"movi" + pictures))


HAND_MADE: dict[str, Maker] = {
    "empty.mp4": lambda folder, bait: b"",
    "one-byte.mp4": lambda folder, bait: b"\0",
    "only-ftyp.mp4": lambda folder, bait: boxes.FTYP,
    "only-moov.mp4": lambda folder, bait: boxes.FTYP + boxes.movie(),
    "only-ebml.mkv": lambda folder, bait: boxes.EBML,
    "only-riff.wav": lambda folder, bait: boxes.riff(b"WAVE"),
    "only-sync.ts": lambda folder, bait: (b"\x47" + bytes(187)) * 5000,
    "only-ogg.ogg": lambda folder, bait: boxes.ogg_page(1, b"\x01vorbis" + bytes(23)),
    "only-id3.mp3": lambda folder, bait: boxes.id3(("TIT2", b"\0x", 0)),
    "zeros.mp4": lambda folder, bait: bytes(1_000_000),
    "ones.mp3": lambda folder, bait: b"\xff" * 1_000_000,
    "archive.mp4": lambda folder, bait: _zip(folder),
    "packed.mp4": lambda folder, bait: gzip.compress(bytes(50_000_000)),
    "program.mp4": lambda folder, bait: Path("/bin/true").read_bytes(),
    "video-and-archive.mp4": lambda folder, bait: _made(folder, "v.mp4", *_TONE) + _zip(folder),
    # data elsewhere
    "dref-url-file.mp4": lambda folder, bait: _dref("url ", bait.file_url),
    "dref-url-web.mp4": lambda folder, bait: _dref("url ", bait.url + "/a.raw"),
    "dref-alias-path.mov": lambda folder, bait: _dref("alis", str(bait.file)),
    "dref-alias-url.mov": lambda folder, bait: _dref("alis", bait.url + "/a.raw"),
    "reference-movie-web.mov": lambda folder, bait: _reference_movie(bait.url + "/a.mov"),
    "reference-movie-file.mov": lambda folder, bait: _reference_movie(bait.file_url),
    "linked-segment.mkv": lambda folder, bait: boxes.matroska(element_of_file(bait)),
    # bombs
    "samples.mp4": lambda folder, bait: _samples(2**31 - 1, 2),
    "samples-without-bytes.mp4": lambda folder, bait: _samples(20_000_000, 0),
    "samples-without-time.mp4": lambda folder, bait: _samples(20_000_000, 1, 0),
    "samples-few-enough.mp4": lambda folder, bait: _samples(9_000_000, 1),
    "run.mp4": lambda folder, bait: _run(100_000_000),
    "run-that-fits.mp4": lambda folder, bait: _run(5_000_000),
    "edits.mp4": lambda folder, bait: _edits(100_000),
    "tracks.mp4": lambda folder, bait: _tracks(3000),
    "recursion.mp4": lambda folder, bait: boxes.FTYP + boxes.nested("moov", 200_000),
    "recursion-udta.mp4": lambda folder, bait: boxes.FTYP + box("moov", boxes.nested("udta", 200_000)),
    "moov-in-moov.mp4": lambda folder, bait: boxes.FTYP + box("moov", *[boxes.movie()] * 5000),
    "packed-index.mp4": lambda folder, bait: _packed_index(400_000_000),
    "packed-index-that-lies.mp4": lambda folder, bait: (
        boxes.FTYP
        + box(
            "moov",
            box("cmov", box("dcom", b"zlib"), box("cmvd", words(0x7FFFFFF0), zlib.compress(bytes(1000)))),
        )
    ),
    "size-0.mp4": lambda folder, bait: boxes.FTYP + box("moov", size=0),
    "size-1.mp4": lambda folder, bait: boxes.FTYP + box("moov", b"\xff" * 8, size=1),
    "size-7.mp4": lambda folder, bait: boxes.FTYP + box("moov", size=7) * 1000,
    "packed-sound.mkv": lambda folder, bait: boxes.deflated_sound(300_000_000),
    "nested-tags.mkv": lambda folder, bait: (
        boxes.EBML
        + boxes.element(0x18538067, size=2**56 - 2)
        + (boxes.element(0x1254C367, size=2**40) + boxes.element(0x7373, size=2**40)) * 20_000
    ),
    "void.mkv": lambda folder, bait: boxes.EBML + boxes.element(0x18538067, boxes.element(0xEC, size=2**55)),
    "programs.ts": lambda folder, bait: _programs(240),
    "streams.ogg": lambda folder, bait: b"".join(
        boxes.ogg_page(n, b"\x01vorbis" + struct.pack("<IBIIIIBB", 0, 1, 8000, 0, 0, 0, 0xB8, 1))
        for n in range(3000)
    ),
    "comments.ogg": lambda folder, bait: (
        boxes.ogg_page(1, b"OpusHead\x01\x01\0\0" + struct.pack("<I", 48000) + bytes(3))
        + boxes.ogg_page(1, b"OpusTags" + struct.pack("<I", 4) + b"ecg!" + struct.pack("<I", 2**32 - 1), 0)
    ),
    "cover-bomb.mp3": lambda folder, bait: _cover(30_000) + _made(folder, "c.mp3", *_TONE),
    "cover-large.mp3": lambda folder, bait: _cover(9_000) + _made(folder, "c.mp3", *_TONE),
    "id3-packed.mp3": lambda folder, bait: (
        boxes.id3(("PRIV", b"\x07\x7f\x7f\x7f" + zlib.compress(bytes(100_000_000), 9), 9))
        + _made(folder, "c.mp3", *_TONE)
    ),
    "id3-endless.mp3": lambda folder, bait: boxes.id3(size=2**28 - 1) + bytes(1000),
    "jpeg-bomb.mov": lambda folder, bait: clips.claims_huge_picture(folder / "j.mov", 65500).read_bytes(),
    "jpeg-bomb.avi": lambda folder, bait: clips.claims_huge_picture(folder / "j.avi", 30000).read_bytes(),
    "png-bomb.mp4": lambda folder, bait: boxes.png_head(40_000),
    "grows.ts": lambda folder, bait: clips.grows(folder / "g.ts").read_bytes(),
    "wide-line.mkv": lambda folder, bait: _made(
        folder, "w.mkv", "-f", "lavfi", "-i", "color=s=16384x2:r=5:d=1", "-c:v", "mjpeg"
    ),
    "largest.mp4": lambda folder, bait: _made(
        folder,
        "l.mp4",
        "-f",
        "lavfi",
        "-i",
        "color=s=4096x2304:r=15:d=0.6",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-refs",
        16,
        "-bf",
        8,
        "-pix_fmt",
        "yuv420p",
    ),
    "too-large.mp4": lambda folder, bait: _made(
        folder,
        "t.mp4",
        "-f",
        "lavfi",
        "-i",
        "color=s=8192x4320:r=5:d=0.4",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ),
    # time
    "day-of-pictures.mp4": lambda folder, bait: _frozen(folder),
    "day-of-pictures.mkv": lambda folder, bait: _made(
        folder, "f.mkv", "-f", "lavfi", "-i", "color=s=64x64:r=1/3600:d=86400", *_H264
    ),
    "day-of-silence.flac": lambda folder, bait: _made(
        folder, "d.flac", "-f", "lavfi", "-i", "anullsrc=r=1000:cl=mono:d=86400", "-compression_level", 0
    ),
    "day-of-silence.aac": lambda folder, bait: _repeated_frame(folder, 86_400),
    "day-in-the-header.flac": lambda folder, bait: _long_flac(24),
    "day-in-the-header.mp4": lambda folder, bait: (
        boxes.FTYP
        + box("mdat", bytes(16000))
        + boxes.movie(
            boxes.sound_track(*boxes.sample_tables(8000, 2), duration=8000 * 86400), duration=86_400_000
        )
    ),
    "million-a-second.mp4": lambda folder, bait: _made(
        folder,
        "m.mp4",
        "-f",
        "lavfi",
        "-i",
        "color=s=16x16:r=1000000:d=0.01",
        *_H264,
        "-video_track_timescale",
        1_000_000,
    ),
    "million-a-second.mkv": lambda folder, bait: _made(
        folder, "m.mkv", "-f", "lavfi", "-i", "color=s=16x16:r=1000000:d=0.01", *_H264
    ),
    "negative.mkv": lambda folder, bait: _made(
        folder, "n.mkv", *_PICTURE, *_TONE, *_H264, "-output_ts_offset", -5, "-avoid_negative_ts", "disabled"
    ),
    "negative.ts": lambda folder, bait: _made(
        folder,
        "n.ts",
        *_PICTURE,
        *_TONE,
        *_H264,
        "-output_ts_offset",
        -1000,
        "-avoid_negative_ts",
        "disabled",
    ),
    "late.ts": lambda folder, bait: _made(
        folder, "l.ts", *_PICTURE, *_TONE, *_H264, "-output_ts_offset", 95_000
    ),
    "late.mp4": lambda folder, bait: _made(
        folder, "l.mp4", *_PICTURE, *_TONE, *_H264, "-output_ts_offset", 90_000
    ),
    "timescale-0.mp4": lambda folder, bait: (
        boxes.FTYP
        + box("mdat", bytes(16000))
        + boxes.movie(boxes.sound_track(*boxes.sample_tables(8000, 2), timescale=0), timescale=0)
    ),
    "leaps.mp4": lambda folder, bait: _samples(4, 2, 0x7FFFFFFF),
    # sound
    "channels-65535.wav": lambda folder, bait: boxes.wav(channels=65535, align=65535),
    "channels-0.wav": lambda folder, bait: boxes.wav(channels=0),
    "channels-64.wav": lambda folder, bait: boxes.wav(channels=64, align=128),
    "rate-0.wav": lambda folder, bait: boxes.wav(rate_hz=0),
    "rate-1.wav": lambda folder, bait: boxes.wav(rate_hz=1),
    "rate-largest.wav": lambda folder, bait: boxes.wav(rate_hz=2**32 - 1),
    "align-0.wav": lambda folder, bait: boxes.wav(align=0),
    "bits-0.wav": lambda folder, bait: boxes.wav(bits=0),
    "bits-999.wav": lambda folder, bait: boxes.wav(bits=999),
    "tag-unknown.wav": lambda folder, bait: boxes.wav(tag=0xDEAD),
    "data-endless.wav": lambda folder, bait: boxes.wav(data_size=2**32 - 1),
    "data-none.wav": lambda folder, bait: boxes.wav(data=b""),
    # pictures
    "rate-0.avi": lambda folder, bait: _avi(scale=0, rate=0),
    "rate-largest.avi": lambda folder, bait: _avi(rate=2**32 - 1),
    "size-0.avi": lambda folder, bait: _avi(width=0, height=0),
    "size-below-0.avi": lambda folder, bait: _avi(width=-5, height=-(2**31)),
    "size-largest.avi": lambda folder, bait: _avi(width=2**31 - 1, height=2**31 - 1),
    "length-largest.avi": lambda folder, bait: _avi(length=2**32 - 1),
    "font.mkv": lambda folder, bait: _with_font(folder),
    "fonts.mkv": lambda folder, bait: _many_fonts(folder),
}


def element_of_file(bait: Bait) -> bytes:
    """Matroska's way to name the file that comes before this one."""
    info = boxes.element(
        0x1549A966,
        boxes.element(0x3C83AB, str(bait.file).encode()),
        boxes.element(0x3CB923, bytes(16)),
        boxes.element(0x3E83BB, bait.file_url.encode()),
    )
    return info


def hand_made(folder: Path, bait: Bait) -> Iterator[Path]:
    """Each of them, written into ``folder``."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    for name, text in texts(bait).items():
        (folder / name).write_text(text)
        yield folder / name
    for name, make in HAND_MADE.items():
        (folder / name).write_bytes(make(scratch, bait))
        yield folder / name
