"""A page of `general` in a browser, opened once for all tests."""

import pytest
import soundfile

from ser_keras import load_bundle, page
from tests.page.browser import CHROMIUM, Browser


@pytest.fixture(scope="session")
def general():
    return load_bundle("general")


@pytest.fixture(scope="session")
def html(general, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "general.html"
    page.export(general, path)
    return path


@pytest.fixture(scope="session")
def browser(html, voice, tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    folder = tmp_path_factory.mktemp("chromium")
    soundfile.write(folder / "spoken.wav", voice(220, 6, 44_100), 44_100)
    opened = Browser(folder / "profile", html, microphone=folder / "spoken.wav")
    yield opened
    opened.close()


@pytest.fixture
def fresh(browser):
    """The page without recordings."""
    browser.evaluate("document.getElementById('clear').click()")
    return browser


@pytest.fixture
def clip(voice, tmp_path):
    """A recording of two seconds."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, voice(200, 2.0), 22_050)
    return path
