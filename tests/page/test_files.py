"""Files that nobody would choose on purpose, given to the page in a real browser."""

import io
import re

import numpy as np
import pytest
import soundfile

from tests.page.browser import CARDS, ROWS

pytestmark = pytest.mark.browser


def wav(rate=22_050, channels=1, bits=16, code=1, size=None, content=bytes(200), chunk=b""):
    """Return a WAV whose header says what it is told."""
    head = b"".join(
        (
            *(code.to_bytes(2, "little"), channels.to_bytes(2, "little")),
            *(rate.to_bytes(4, "little"), bytes(6), bits.to_bytes(2, "little")),
        )
    )
    size = len(content) if size is None else size
    body = b"WAVEfmt \x10\0\0\0" + head + chunk + b"data" + size.to_bytes(4, "little") + content
    return b"RIFF" + len(body).to_bytes(4, "little") + body


HOSTILE = {
    "empty.wav": (b"", "is empty"),
    "text.wav": (b"this is no sound", "in no format"),
    "header.wav": (b"RIFF\xff\xff\xff\xffWAVE", "no complete WAV"),
    "short.wav": (b"RIFF", "in no format"),
    "zeros.wav": (bytes(5_000), "in no format"),
    "page.mp3": (b"<html><script>alert(1)</script></html>", "in no format"),
    "ogg.ogg": (b"OggS" + bytes(500), "in no format"),
    "flac.flac": (b"fLaC" + bytes(30), "in no format"),
    "silent.wav": (wav(), "is silent"),
    "cut.wav": (wav(size=9_999), "cut off"),
    "none.wav": (wav(content=b""), "no samples"),
    "rate.wav": (wav(rate=5), "rate of 5 Hz"),
    "channels.wav": (wav(channels=99), "99 channels"),
    "none of them.wav": (wav(channels=0), "0 channels"),
    "kind.wav": (wav(code=77), "kind that is not read"),
    "gsm.wav": (wav(code=49, bits=0), "kind that is not read"),
    "nan.wav": (wav(bits=32, code=3, content=b"\0\0\xc0\x7f" * 90), "not finite"),
    "scale.wav": (wav(bits=32, code=3, content=np.full(90, 3e4, "<f4").tobytes()), "whole numbers"),
    "chunk.wav": (wav(chunk=b"LIST\xff\xff\xff\x7f"), "no complete WAV"),
}


def test_hostile_files_give_a_sentence_and_leave_the_page_alive(fresh, clip, tmp_path):
    for name, (content, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    fresh.add(*(tmp_path / name for name in HOSTILE))
    cards = fresh.evaluate(f"[...{CARDS}].map(card => card.innerText)")
    assert len(cards) == len(HOSTILE)
    for name, (_, problem) in HOSTILE.items():
        (text,) = (text for text in cards if text.startswith(f"{name}\n"))
        assert problem in text
        assert text.rstrip().endswith(".")
    fresh.add(clip)
    assert len(fresh.evaluate(ROWS)) == 1


def test_damaged_sounds_are_labelled_or_refused_in_words(fresh, voice, tmp_path):
    rng = np.random.default_rng(0)
    samples, paths = voice(200, 0.5), []
    for suffix in ("wav", "flac", "ogg", "mp3"):
        good = io.BytesIO()
        soundfile.write(good, samples, 22_050, format=suffix.upper())
        for i in range(4):
            content = bytearray(good.getvalue())
            for place in rng.integers(0, 120 if i % 2 else len(content), 4):
                content[place] = rng.integers(256)
            if i == 3:
                del content[rng.integers(40, len(content)) :]
            paths.append(tmp_path / f"{i}.{suffix}")
            paths[-1].write_bytes(content)
    fresh.add(*paths)
    for text in fresh.evaluate(
        "[...document.querySelectorAll('.refused p')].map(p => p.innerText)"
    ):
        assert re.fullmatch(r"This recording [^.]+\. [A-Z][^.]+\.", text), text


def test_odd_but_whole_files_are_labelled(fresh, voice, tmp_path):
    """Headers that recorders, broadcasters and telephone exchanges really write."""
    sound = voice(200, 1.6)
    content = (32_767 * sound).astype("<i2").tobytes()
    (tmp_path / "unfinished.wav").write_bytes(wav(size=0, content=content))
    (tmp_path / "streamed.wav").write_bytes(wav(size=0xFFFFFFFF, content=content))
    (tmp_path / "zeros before.wav").write_bytes(
        wav(chunk=b"LIST" + (4_000).to_bytes(4, "little") + bytes(4_000), content=content)
    )
    soundfile.write(tmp_path / "24.wav", sound, 22_050, "PCM_24", format="WAVEX")
    soundfile.write(tmp_path / "a-law.wav", sound, 22_050, "ALAW")
    soundfile.write(tmp_path / "against.wav", np.stack([sound, -sound], 1), 22_050)
    names = [path.name for path in sorted(tmp_path.iterdir())]
    fresh.add(*(tmp_path / name for name in names))
    rows = {row[0]: row for row in fresh.evaluate(ROWS)}
    assert sorted(rows) == names
    assert len({row[3] for row in rows.values()}) == 1
    assert "cancel each other" in rows["against.wav"][-1]


def test_names_bring_neither_code_into_the_page_nor_formulas_into_the_table(fresh, voice, tmp_path):
    path = tmp_path / "=1+1 <img src=x onerror=document.title=1>\t\u202e.wav"
    soundfile.write(path, voice(200, 1), 22_050)
    fresh.add(path)
    assert fresh.evaluate("document.querySelectorAll('#results img').length") == 0
    assert "\\t\\u202e.wav" in fresh.evaluate(ROWS)[0][0]
    csv_text = fresh.evaluate("commaSeparated([['=1+1', '-0.5', 'a,b']])")
    assert csv_text == '\'=1+1,-0.5,"a,b"\n'
