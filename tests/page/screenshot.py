"""Draws results/pictures/page.png: the page of `general` with a recording of synthetic speech.

python -m tests.page.screenshot [OUT.png]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from ser_keras import load_bundle, page
from tests.page.browser import Browser

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "results" / "pictures" / "page.png"
WIDTH = 940
FOLDERS = {"BEN_sad": 0, "ADA_angry": 6, "ADA_disgust": 3}  # of the demo corpus, and first clips
RATE = 22_050


def recording() -> np.ndarray:
    """Return clips of the demo corpus one after the other, with a pause after every third."""
    parts = []
    for folder, first in FOLDERS.items():
        for path in sorted((ROOT / "data" / "demo" / folder).glob("*.ogg"))[first : first + 3]:
            parts.append(soundfile.read(path, dtype="float32")[0])
        parts.append(np.zeros(2 * RATE, np.float32))
    return np.concatenate(parts[:-1])


def with_few_colours(pixels: np.ndarray) -> Image.Image:
    """Return a picture in its 256 most common colours, in a third of the size.

    Args:
        pixels: Red, green and blue, uint8 (height, width, 3).
    """
    colours, places, counts = np.unique(
        pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    common = colours[np.argsort(-counts)[:256]]
    distances = np.square(colours[:, None].astype(int) - common[None]).sum(axis=2)
    nearest = distances.argmin(axis=1).astype(np.uint8)
    picture = Image.fromarray(nearest[places.ravel()].reshape(pixels.shape[:2]), "P")
    picture.putpalette(common.tobytes())
    return picture


def draw(path: Path) -> None:
    """Write the picture: the page down to the end of the recording's card."""
    with tempfile.TemporaryDirectory() as folder:
        html, sound = Path(folder) / "page.html", Path(folder) / "synthetic speech.wav"
        page.export(load_bundle("general"), html)
        soundfile.write(sound, recording(), RATE)
        browser = Browser(Path(folder) / "profile", html)
        try:
            browser.size(WIDTH, 1_200)
            browser.add(sound)
            browser.click("canvas.long", across=0.45)
            browser.click("canvas.long + .row button")
            browser.wait("document.querySelector('.caption').textContent.startsWith('From')")
            browser.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            end = browser.evaluate(
                "document.querySelector('#results').getBoundingClientRect().bottom"
            )
            browser.screenshot(Path(folder) / "all.png", WIDTH, 1_200)
            with Image.open(Path(folder) / "all.png") as picture:
                shown = picture.convert("RGB").crop((0, 0, picture.width, round(end) + 8))
            path.parent.mkdir(parents=True, exist_ok=True)
            with_few_colours(np.asarray(shown)).save(path, optimize=True)
        finally:
            browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PLACE)
