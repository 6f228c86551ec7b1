"""espeak-ng in a process of its own: in one that goes on, it speaks otherwise after another voice.

    python espeak_process.py LIBRARY VOICE WORDS_PER_MINUTE TEXT

Standard output: a line of JSON with the sample rate and every word with its start in ms; then 16-bit sound.
"""

import ctypes
import json
import sys

_SYNCHRONOUS = 2
_WORD_EVENT = 1
_RATE = 1
_UTF8 = 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", ctypes.c_char * 8),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def main(name: str, voice: str, words_per_minute: str, text: str) -> None:
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
    sound: list[bytes] = []
    words: list[tuple[str, int]] = []

    @_Callback
    def heard(samples, count, events):
        if count > 0:
            sound.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _WORD_EVENT:
                first = event.text_position - 1
                word = text[first : first + event.length]
                if any(map(str.isalpha, word)):  # it reports the end of a clause as a word, too
                    words.append((word, event.audio_position))
            index += 1
        return 0

    library.espeak_SetSynthCallback(heard)
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(_RATE, int(words_per_minute), 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    sys.stdout.buffer.write(json.dumps({"rate": rate, "words": words}).encode() + b"\n" + b"".join(sound))


if __name__ == "__main__":
    main(*sys.argv[1:])
