"""The bytes of containers, put together by hand: mp4 boxes, Matroska elements, RIFF chunks, Ogg pages."""

from __future__ import annotations

import struct
import zlib


def box(kind: str, *parts: bytes, size: int | None = None) -> bytes:
    """An mp4 box; ``size``: what it says of itself when that is a lie."""
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8 if size is None else size) + kind.encode() + body


def words(*numbers: int) -> bytes:
    """32-bit numbers, largest byte first."""
    return b"".join((number & 0xFFFFFFFF).to_bytes(4) for number in numbers)


FTYP = box("ftyp", b"isom", words(512), b"isomiso2avc1mp41")
_MATRIX = words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def movie(*tracks: bytes, timescale: int = 1000, duration: int = 1000) -> bytes:
    """``moov`` with its header."""
    return box("moov", _movie_header(timescale, duration), *tracks)


def _movie_header(timescale: int, duration: int) -> bytes:
    return box(
        "mvhd",
        words(0, 0, 0, timescale, duration, 0x10000, 0x01000000, 0, 0),
        _MATRIX,
        words(0, 0, 0, 0, 0, 0, 9999),
    )


def sound_track(
    *tables: bytes,
    number: int = 1,
    timescale: int = 8000,
    duration: int = 8000,
    reference: bytes = b"",
    edits: bytes = b"",
) -> bytes:
    """A track of 8 kHz mono PCM whose sample tables are ``tables``, its data where ``reference`` says."""
    header = box("tkhd", words(7, 0, 0, number, 0, duration, 0, 0, 0, 0x01000000), _MATRIX, words(0, 0))
    described = box(
        "stsd", words(0, 1), box("sowt", words(0, 1), words(0, 0), words(0x00010010, 0), words(8000 << 16))
    )
    held = reference or box("url ", words(1))
    media = box(
        "mdia",
        box("mdhd", words(0, 0, 0, timescale, duration, 0x55C40000)),
        box("hdlr", words(0, 0), b"soun", words(0, 0, 0), b"x\0"),
        box(
            "minf",
            box("smhd", words(0, 0)),
            box("dinf", box("dref", words(0, 1), held)),
            box("stbl", described, *tables),
        ),
    )
    return box("trak", header, edits, media)


def sample_tables(count: int, size: int, delta: int = 1, offset: int = 40) -> tuple[bytes, ...]:
    """Tables of ``count`` samples of ``size`` bytes, all in one chunk: a few bytes, whatever the count."""
    return (
        box("stts", words(0, 1, count, delta)),
        box("stsc", words(0, 1, 1, count, 1)),
        box("stsz", words(0, size, count)),
        box("stco", words(0, 1, offset)),
    )


def nested(kind: str, depth: int) -> bytes:
    """A box in a box in a box …"""
    heads = [struct.pack(">I", 8 * level) + kind.encode() for level in range(depth, 0, -1)]
    return b"".join(heads)


def element(name: int, *parts: bytes, size: int | None = None) -> bytes:
    """A Matroska element; ``size``: what it says of itself when that is a lie."""
    body = b"".join(parts)
    length = len(body) if size is None else size
    return name.to_bytes((name.bit_length() + 7) // 8) + (length | 1 << 56).to_bytes(8) + body


def number(name: int, value: int) -> bytes:
    """A Matroska element that holds a number."""
    return element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))


EBML = element(
    0x1A45DFA3,
    number(0x4286, 1),
    number(0x42F7, 1),
    number(0x42F2, 4),
    number(0x42F3, 8),
    element(0x4282, b"matroska"),
    number(0x4287, 4),
    number(0x4285, 2),
)


def matroska(*parts: bytes) -> bytes:
    """A file with one segment."""
    return EBML + element(0x18538067, element(0x1549A966, number(0x2AD7B1, 1_000_000)), *parts)


def deflated_sound(size_bytes: int) -> bytes:
    """Matroska whose one packet of PCM is ``size_bytes`` of silence, compressed by its container."""
    packed = element(
        0x6D80,
        element(
            0x6240,
            number(0x5031, 0),
            number(0x5032, 1),
            number(0x5033, 0),
            element(0x5034, number(0x4254, 0)),
        ),
    )
    track = element(
        0xAE,
        number(0xD7, 1),
        number(0x73C5, 1),
        number(0x83, 2),
        element(0x86, b"A_PCM/INT/LIT"),
        element(0xE1, element(0xB5, struct.pack(">d", 8000.0)), number(0x9F, 1), number(0x6264, 16)),
        packed,
    )
    block = element(0xA3, b"\x81\0\0\x80", zlib.compress(bytes(size_bytes), 9))
    return matroska(element(0x1654AE6B, track), element(0x1F43B675, number(0xE7, 0), block))


def riff(kind: bytes, *chunks: bytes, size: int | None = None) -> bytes:
    """A wav or avi."""
    body = kind + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def chunk(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def wav(
    channels: int = 1,
    rate_hz: int = 8000,
    align: int = 2,
    bits: int = 16,
    tag: int = 1,
    data: bytes = bytes(16000),
    data_size: int | None = None,
) -> bytes:
    """A wav of one second, or what its header makes of that."""
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align & 0xFFFFFFFF, align, bits)
    return riff(b"WAVE", chunk(b"fmt ", form), chunk(b"data", data, data_size))


def ogg_page(serial: int, packet: bytes, flags: int = 2, granule: int = 0) -> bytes:
    """A page with one short packet; its checksum is right."""
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", granule, serial, 0, 0)
    lacing = [255] * (len(packet) // 255) + [len(packet) % 255]
    page = bytearray(head + bytes([len(lacing), *lacing]) + packet)
    page[22:26] = struct.pack("<I", _ogg_checksum(page))
    return bytes(page)


def _ogg_checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def id3(*frames: tuple[str, bytes, int], size: int | None = None) -> bytes:
    """An ID3v2.4 tag of frames ``(name, content, flags)``."""
    body = b"".join(
        name.encode() + _syncsafe(len(content)) + flags.to_bytes(2) + content
        for name, content, flags in frames
    )
    return b"ID3\x04\0\0" + _syncsafe(len(body) if size is None else size) + body


def _syncsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def png_head(side: int) -> bytes:
    """A PNG that says it is ``side`` × ``side``, with the first of its pixels."""
    header = b"IHDR" + words(side, side) + bytes([8, 6, 0, 0, 0])
    data = b"IDAT" + zlib.compress(bytes(100_000))
    parts = (words(len(part) - 4) + part + words(zlib.crc32(part)) for part in (header, data, b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
