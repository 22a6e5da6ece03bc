"""What people do with the page, in a real browser: files, clicks, keys, a voice, a small screen."""

import csv
import http.server
import io
import json
import re
import threading

import numpy as np
import pytest
import soundfile
from PIL import Image

from ser_keras.cli import use
from tests.page import screenshot
from tests.page.browser import CARDS, DONE, NAMES, ROWS

pytestmark = pytest.mark.browser

LABEL = "document.querySelector('#results .label').textContent"
ADAPTED = "document.getElementById('adapted').textContent"


def test_a_file_that_is_dropped_anywhere_gets_a_label(fresh, clip):
    fresh.drop("h1", clip)
    fresh.wait(f"{DONE}.length == 1")
    assert fresh.evaluate(NAMES) == ["clip.wav"]
    (row,) = fresh.evaluate(ROWS)
    shown = fresh.evaluate(LABEL)
    assert shown.lower() == row[3]
    assert fresh.evaluate("document.querySelectorAll('#results .bars li').length") == 8


def test_several_files_are_dropped_at_once(fresh, voice, tmp_path):
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for i, path in enumerate(paths):
        soundfile.write(path, voice(150 + 50 * i, 1.0), 22_050)
    fresh.drop("#drop", *paths)
    fresh.wait(f"{DONE}.length == 3")
    assert [row[0] for row in fresh.evaluate(ROWS)] == ["0.wav", "1.wav", "2.wav"]
    fresh.click(".close")
    assert fresh.evaluate(NAMES) == ["1.wav", "0.wav"]


@pytest.mark.slow
def test_a_hundred_recordings_are_labelled_and_each_can_be_played(fresh, voice, tmp_path):
    paths = [tmp_path / f"{i}.wav" for i in range(100)]
    for i, path in enumerate(paths):
        soundfile.write(path, voice(150 + i, 1.5, seed=i), 22_050)
    fresh.add(*paths)
    assert len(fresh.evaluate(ROWS)) == 100
    for i in (1, 100):
        button = f"#results article:nth-child({i}) .row button"
        fresh.click(button)
        fresh.wait(f"document.querySelector('{button}').textContent == 'Pause'")
        fresh.wait(f"document.querySelector('{button}').textContent == 'Play'")
    assert fresh.errors == []


def test_a_folder_that_is_dropped_gets_a_sentence(fresh, tmp_path):
    (tmp_path / "holiday").mkdir()
    fresh.drop("h1", tmp_path / "holiday")
    fresh.wait("document.getElementById('status').textContent.startsWith('holiday is a folder')")


def test_a_recording_that_is_removed_while_it_is_read_is_gone(fresh, voice, clip, tmp_path):
    soundfile.write(tmp_path / "long.wav", voice(200, 20), 22_050)
    fresh.choose("#files", tmp_path / "long.wav")
    fresh.wait("document.querySelector('#results progress')")
    fresh.click(".close")
    fresh.add(clip)
    assert fresh.evaluate(NAMES) == ["clip.wav"]
    assert [row[0] for row in fresh.evaluate(ROWS)] == ["clip.wav"]


def test_how_long_something_lasts_is_said_in_the_usual_units(fresh):
    seconds = [0.04, 3.72, 9.96, 57.4, 60, 600, 754, 3_720, 7_200]
    assert fresh.evaluate(f"{seconds}.map(lasting)") == [
        *("0 s", "3.7 s", "10 s", "57 s", "1 min", "10 min", "12 min 34 s", "1 h 2 min", "2 h"),
    ]


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(2, "Pause"), pytest.param(61, "Play", marks=pytest.mark.slow)]
)
def test_what_the_browser_cannot_play_is_played_as_the_model_heard_it(
    fresh, voice, tmp_path, seconds, outcome
):
    """Up to a minute; of longer ones, the page says that they cannot be played."""
    soundfile.write(tmp_path / "double.wav", voice(200, seconds), 22_050, "DOUBLE")
    fresh.add(tmp_path / "double.wav")
    fresh.click("#results .row button")
    button = "document.querySelector('#results .row button').textContent"
    note = "document.querySelector('#results .alarm').textContent"
    fresh.wait(f"{button} == '{outcome}' && ('{outcome}' == 'Pause' || {note})")
    assert ("cannot play it" in fresh.evaluate(note)) == (outcome == "Play")
    if outcome == "Pause":
        fresh.wait("document.querySelector('#results .row').innerText.includes('0:01')")


def test_what_the_model_heard_is_drawn_and_told(fresh, clip):
    fresh.add(clip)
    fresh.click("#results summary")
    fresh.wait("document.querySelector('#results details li')")
    text = fresh.evaluate("document.querySelector('#results details').innerText")
    assert re.search(r"Somebody speaks for [\d.]+ s of 2 s\.", text)
    assert "hears all 22,050 samples a second" in text
    painted = fresh.evaluate(
        "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".filter((a, i) => i % 4 == 3 && a > 50).length)(document.querySelector('canvas.bands'))"
    )
    assert painted > 500


def test_the_csv_is_that_of_python(fresh, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    use.main(["clip.wav", "--model", "general", "--unlabelled", "--save", "python.csv"])
    fresh.add(clip)
    fresh.allow(downloads=tmp_path / "saved")
    fresh.click("#save")
    saved = tmp_path / "saved" / "emotions.csv"
    for _ in range(100):
        if saved.is_file() and saved.stat().st_size:
            break
        fresh.evaluate("new Promise(resolve => setTimeout(resolve, 50))")
    own, expected = (path.read_text() for path in (saved, tmp_path / "python.csv"))
    assert own.count("\n") == expected.count("\n") == 2
    (row,), (python,) = (list(csv.DictReader(io.StringIO(text))) for text in (own, expected))
    assert list(row) == list(python)
    for name, text in python.items():
        if name.startswith("p_") or name == "arousal":
            assert float(row[name]) == pytest.approx(float(text), abs=5e-3)
            assert len(row[name]) <= len("0.123456")
        else:
            assert row[name] == text


def test_numbers_are_written_as_python_writes_them(fresh):
    numbers = [0, 1, 0.25, 1 / 3, 5e-5, 1.25e-6, 4e-7, 3.737, 12]
    made = fresh.evaluate(f"{json.dumps(numbers)}.map(x => written(x, 6))")
    assert made == [repr(round(float(number), 6)) for number in numbers]


def test_the_table_is_copied_with_all_digits(fresh, clip):
    fresh.add(clip)
    fresh.allow("clipboardReadWrite", "clipboardSanitizedWrite")
    fresh.click("#copy")
    fresh.wait("document.getElementById('status').textContent == 'The table is copied.'")
    copied = fresh.evaluate("navigator.clipboard.readText()")
    head, row = (line.split("\t") for line in copied.split("\n"))
    assert head[:5] == ["file", "start", "end", "label", "p_neutral"]
    (shown,) = fresh.evaluate(ROWS)
    assert row[:4] == shown[:4]
    assert float(row[4]) == pytest.approx(float(shown[4]), abs=5e-4)
    assert len(row[4]) > len(shown[4])


def test_recordings_that_are_dropped_on_its_panel_adapt_the_page(fresh, clip, voice, tmp_path):
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.wav", voice(200, 1.0, seed=i), 22_050)
    fresh.add(clip)
    fresh.evaluate("document.getElementById('adapt').open = true")
    assert fresh.evaluate(ADAPTED).startswith("Off.")
    fresh.drop(".zone", *(tmp_path / f"{i}.wav" for i in range(3)))
    fresh.wait(f"{ADAPTED}.startsWith('On: adapted to 3 recordings')")
    assert "They all seem to have the same mood" in fresh.evaluate(ADAPTED)
    (row,) = fresh.evaluate(ROWS)
    assert row[-2] == "3"
    assert row[-1].startswith("adapted by 3 recordings")
    assert fresh.evaluate(f"{CARDS}.length") == 1  # they are not labelled themselves
    fresh.add(tmp_path / "0.wav")
    assert "was adapted by this very recording" in fresh.text()
    fresh.click("#unadapt")
    fresh.wait(f"{ADAPTED}.startsWith('Off')")
    assert [row[-2] for row in fresh.evaluate(ROWS)] == ["0", "0"]
    assert not any("adapted" in row[-1] for row in fresh.evaluate(ROWS))


def test_a_recording_that_cannot_adapt_the_page_is_named(fresh, clip, tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    fresh.choose("#voice", tmp_path / "notes.txt", clip)
    fresh.wait(f"{ADAPTED}.startsWith('On: adapted to one recording')")
    assert "notes.txt is in no format" in fresh.evaluate(ADAPTED)
    fresh.evaluate("document.getElementById('unadapt').click()")
    fresh.wait(f"{ADAPTED}.startsWith('Off')")


def test_the_microphone_shows_its_level_and_the_seconds_still_needed(fresh):
    fresh.click("#speak")
    needed = "document.getElementById('needed').textContent"
    assert re.match(r"Keep speaking: [\d.]+ s more", fresh.wait(needed))
    fresh.wait("Number(document.querySelector('.meter').getAttribute('aria-valuenow')) > 10")
    fresh.click("#speak")
    fresh.wait(f"{DONE}.length == 1")
    assert re.fullmatch(r"Recording \d+\.wav", fresh.evaluate(NAMES)[0])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotFoundError", "There is no microphone. Plug one in."),
        ("NotAllowedError", "The microphone was not allowed. Allow it in the browser"),
    ],
)
def test_without_a_microphone_the_page_says_what_to_do(fresh, error, words):
    fresh.evaluate(
        "navigator.mediaDevices.getUserMedia = () => "
        f"Promise.reject(new DOMException('', '{error}')); 0"
    )
    fresh.click("#speak")
    fresh.wait(f"document.getElementById('speak-note').textContent.startsWith('{words}')")
    fresh.evaluate("delete navigator.mediaDevices.getUserMedia")


@pytest.mark.slow
def test_the_microphone_gives_a_label_twice_a_second(fresh):
    fresh.click("#speak")
    fresh.wait("Number(document.body.dataset.liveLabels) >= 3", 20)
    fresh.wait("document.getElementById('needed').textContent.startsWith('The last')")
    before = int(fresh.evaluate("document.body.dataset.liveLabels"))
    fresh.evaluate("new Promise(resolve => setTimeout(resolve, 4000))")
    rate = (int(fresh.evaluate("document.body.dataset.liveLabels")) - before) / 4
    fresh.click("#speak")
    fresh.wait(f"{DONE}.length == 1")
    assert rate >= 2


def test_the_keyboard_alone_reaches_and_moves_everything(fresh, clip):
    fresh.add(clip)
    fresh.evaluate("document.getElementById('adapt').open = false")
    fresh.click("h1")  # where the keys start from
    reached = []
    for _ in range(14):
        fresh.press("Tab")
        reached.append(
            fresh.evaluate(
                "(e => e.id || e.className || e.getAttribute('role') || e.textContent)"
                "(document.activeElement)"
            )
        )
        if reached[-1] == "slider":
            fresh.press("ArrowRight")
            fresh.press(" ")
            fresh.wait("document.querySelector('#results .row button').textContent == 'Pause'")
            fresh.press(" ")
            fresh.wait("document.querySelector('#results .row button').textContent == 'Play'")
            value = "document.querySelector('#results canvas').getAttribute('aria-valuenow')"
            assert int(fresh.evaluate(value)) >= 1
            fresh.press("Home")
            fresh.wait(f"{value} == '0'")
    order = ["speak", "files", "close", "slider", "Play", "What the model heard", "copy", "save"]
    order += ["clear", "scroll tall", "Adapt it to this voice", "How far can I trust it?"]
    assert [name for name in reached if name in order] == order
    fresh.evaluate("document.querySelector('#adapt summary').focus()")
    fresh.press("Enter")
    assert fresh.evaluate("document.getElementById('adapt').open")
    fresh.evaluate("document.querySelector('.close').focus()")
    fresh.press("Enter")
    assert fresh.evaluate(f"{CARDS}.length") == 0


CONTRAST = """
(() => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number), isShare = text.startsWith("color(");
    return [...numbers.slice(0, 3).map(x => isShare ? 255 * x : x), numbers[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const linear = (x) => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) =>
    .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const own = (e) => parse(getComputedStyle(e).backgroundColor);
  const ground = (e) => e ? over(own(e), ground(e.parentElement)) : [255, 255, 255];
  const poor = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), e = walker.currentNode.parentElement;
    if (!text || !e.checkVisibility() || e.closest("script, noscript")) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), below = ground(e);
    const [a, b] = [over(parse(style.color), below), below].map(light);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < (isLarge ? 3 : 4.5)) poor.push([text, ratio]);
  }
  return poor;
})()
"""


@pytest.fixture
def filled(browser, voice, tmp_path):
    """The page with a short, a long and a bad recording, which are labelled once for all tests."""
    name = "a talk with a rather long name, which has to be cut somewhere.wav"
    if browser.evaluate(NAMES) != ["bad.wav", name, "clip.wav"]:
        browser.evaluate("document.getElementById('clear').click()")
        parts = [voice(300, 2.5), np.zeros(3 * 22_050, np.float32), voice(110, 2.5)]
        soundfile.write(tmp_path / "clip.wav", parts[0], 22_050)
        soundfile.write(tmp_path / name, np.concatenate(parts), 22_050)
        (tmp_path / "bad.wav").write_bytes(b"RIFF")
        browser.add(*(tmp_path / each for each in ("clip.wav", name, "bad.wav")))
    return browser


def test_a_click_into_the_timeline_plays_from_there(filled):
    caption = "document.querySelector('.caption').textContent"
    assert filled.evaluate(caption) == "Mean of all parts with speech"
    filled.click("canvas.long", across=0.8)
    filled.wait(f"{caption}.startsWith('From')")
    filled.wait("document.querySelector('canvas.long + .row button').textContent == 'Pause'")
    second, label = re.fullmatch(
        r"0:(\d\d) of 0:08, (.*)",
        filled.evaluate("document.querySelector('canvas.long').getAttribute('aria-valuetext')"),
    ).groups()
    assert 6 <= int(second) <= 7
    assert filled.evaluate(caption).endswith(label)
    filled.click("canvas.long + .row button")
    filled.wait("document.querySelector('canvas.long + .row button').textContent == 'Play'")


def test_a_long_recording_says_how_long_each_label_lasts(filled):
    rows = [row for row in filled.evaluate(ROWS) if row[0].startswith("a talk")]
    shown = filled.evaluate("[...document.querySelectorAll('.legend li')].map(e => e.textContent)")
    seconds = {}
    for row in rows:
        seconds[row[3]] = seconds.get(row[3], 0) + float(row[2]) - float(row[1])
    assert {*seconds} == {re.sub(r" [\d.]+ s$", "", text) for text in shown}
    for text in shown:
        label, number = re.fullmatch(r"(.*) ([\d.]+) s", text).groups()
        assert float(number) == pytest.approx(seconds[label], abs=0.06)
    assert shown[-1].startswith("no speech")


def test_a_screen_reader_is_given_roles_and_names(filled):
    filled.evaluate("document.getElementById('adapt').open = true")
    nodes = filled.accessible()
    need = ("button", "slider", "link", "region", "article", "meter", "progressbar", "img")
    assert [node for node in nodes if node[0] in need and not node[1].strip()] == []
    for node in (
        *(("button", "Start the microphone"), ("button", "Choose files")),
        *(("button", "Play clip.wav"), ("slider", "Emotion over time in clip.wav")),
        *(("button", "Remove bad.wav"), ("article", "bad.wav")),
        *(("button", "Choose other recordings"), ("region", "Table of all results")),
        *(("heading", "How does this voice sound?"), ("heading", "clip.wav")),
        *(("columnheader", "p_neutral"), ("rowheader", "clip.wav")),
    ):
        assert node in nodes
    assert any(role == "status" for role, _ in nodes)


def test_text_has_the_contrast_of_wcag_aa_and_phones_need_no_sideways_scrolling(filled):
    filled.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    filled.wait("document.querySelectorAll('#results details li').length > 4")
    for dark in (False, True):
        filled.size(1280, 900, dark)
        assert filled.evaluate(CONTRAST) == []
    for width in (320, 390):
        filled.size(width, 800)
        assert filled.evaluate("document.documentElement.scrollWidth") <= width
        small = filled.evaluate(
            "[...document.querySelectorAll('button, label.main, summary')]"
            ".filter(e => e.checkVisibility() && Math.min(...'width height'.split(' ')"
            ".map(k => e.getBoundingClientRect()[k])) < 24).map(e => e.textContent)"
        )
        assert small == []
    filled.evaluate("document.querySelectorAll('details').forEach(e => e.open = false)")
    filled.size(1200)


def test_not_even_code_that_tries_sends_anything_away(browser):
    """What a person says could leave by a request alone, and the page's policy allows none."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    tries = (
        "const out = [], attempt = async f => { try { await f(); } catch (e) { out.push(1); } };"
        "await attempt(() => fetch(address + '/fetch', {mode: 'no-cors'}));"
        "await attempt(() => new Promise((_, no) => { const w = new WebSocket(address.replace("
        "'http', 'ws')); w.onerror = no; }));"
    )
    before = len(browser.errors)
    failed = browser.evaluate(
        f"(async address => {{ {tries} await attempt(() => new Promise((yes, no) => {{"
        "const i = new Image(); i.onload = yes; i.onerror = no; i.src = address + '/image'; }));"
        "return out.length; })"
        f"('{address}')"
    )
    worker = f"(async address => {{ {tries} postMessage(out.length); }})('{address}')"
    refused = browser.evaluate(
        "new Promise(resolve => { const w = new Worker(URL.createObjectURL(new Blob(["
        f"{json.dumps(worker)}], {{type: 'text/javascript'}}))); "
        "w.onmessage = e => resolve(e.data); })"
    )
    server.shutdown()
    server.server_close()
    del browser.errors[before:]  # the console names what was refused
    assert (failed, refused) == (3, 2)
    assert seen == []


def test_it_sends_no_request_and_logs_no_error(browser):
    own = browser.page.as_uri()
    others = [url for url in browser.requests if not url.startswith(("blob:", "data:", own))]
    assert [url for url in others if "127.0.0.1" not in url] == []
    assert browser.errors == []


@pytest.mark.slow
def test_the_picture_of_the_page_can_be_drawn_again(browser, tmp_path):
    screenshot.draw(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as made, Image.open(screenshot.PLACE) as before:
        assert made.width == before.width
        assert abs(made.height - before.height) < 150  # other fonts break lines elsewhere


def test_a_page_whose_model_cannot_be_opened_says_so(browser, html, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(html.read_text().replace('"data":"', '"data":"!', 1))
    shown = "document.getElementById('status')?.textContent"
    try:
        browser.open(broken, f"{shown}?.startsWith('The model cannot be opened in this browser')")
    finally:
        browser.open(html)
