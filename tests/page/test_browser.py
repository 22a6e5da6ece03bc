"""The page in a real browser: the same numbers as in Python, and what people do with it."""

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.browser

CARDS = "document.querySelectorAll('#results .bars, #results .refused')"
ROWS = (
    "[...document.querySelectorAll('#table tr')].slice(1)"
    ".map(row => [...row.cells].map(cell => cell.textContent))"
)


def label(browser, path, count=1):
    browser.choose("#files", path)
    browser.wait(f"{CARDS}.length >= {count}")
    return browser.evaluate(ROWS)


def test_a_long_recording_becomes_segments_without_gaps(fresh, voice, tmp_path):
    parts = [voice(300, 6), np.zeros(6 * 22_050, np.float32), voice(110, 6)]
    soundfile.write(tmp_path / "long.wav", np.concatenate(parts), 22_050)
    rows = label(fresh, tmp_path / "long.wav")
    starts, ends = (np.array([row[i] for row in rows], float) for i in (1, 2))
    assert starts[0] == 0
    assert ends[-1] == 18
    assert (starts[1:] == ends[:-1]).all()
    assert "no speech" in [row[3] for row in rows]


def test_adapting_to_other_recordings_is_off_until_they_are_given(fresh, general, voice, tmp_path):
    for i, pitch in enumerate((150, 210, 260)):
        soundfile.write(tmp_path / f"{i}.wav", voice(pitch, 2, seed=i), 22_050, subtype="FLOAT")
    path = tmp_path / "own.wav"
    soundfile.write(path, voice(190, 2, seed=9), 22_050, subtype="FLOAT")
    assert label(fresh, path)[0][-2] == "0"
    fresh.choose("#voice", *(tmp_path / f"{i}.wav" for i in range(3)))
    fresh.wait("document.getElementById('adapted').textContent.startsWith('On')")
    (row,) = fresh.evaluate(ROWS)
    others = [str(tmp_path / f"{i}.wav") for i in range(3)]
    expected = general.enrol(others).predict(str(path)).filter(like="p_").to_numpy()[0]
    assert row[-2] == "3"
    assert np.abs(np.array(row[4:11], float) - expected).max() < 2e-3
    fresh.evaluate("document.getElementById('unadapt').click()")
    fresh.wait("document.getElementById('adapted').textContent.startsWith('Off')")
