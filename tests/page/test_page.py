"""What the exporter writes, looked at without a browser."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from PIL import Image

from ser_keras import models, page, pictures
from ser_keras.errors import SerKerasError
from ser_keras.page import ENGINE, HERE, INTERFACE, network, settings
from ser_keras.page.card import card_html, trust_html
from ser_keras.reliability import Answers, Reliability
from tests.page import screenshot


def test_the_page_of_general_has_at_most_four_megabytes(html):
    assert html.stat().st_size < 4_000_000


def test_the_policy_allows_nothing_but_the_page_itself(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html.read_text())[1]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert re.findall(r"'[a-z-]*unsafe[a-z-]*'", policy) == ["'wasm-unsafe-eval'"]
    assert policy.count("'sha256-") == 3


def test_the_page_names_no_address_that_a_browser_would_fetch(html):
    text = html.read_text()
    assert not re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"|url\(|@import|\bfetch\(", text)
    assert not re.findall(r"localStorage|sessionStorage|indexedDB|document\.cookie", text)


def test_every_script_is_in_the_page():
    assert {path.stem for path in HERE.glob("*.js")} == {*ENGINE, *INTERFACE}


def test_no_script_exceeds_400_lines():
    assert all(len(path.read_text().splitlines()) <= 400 for path in HERE.glob("*.js"))


def test_emotions_have_the_colours_that_they_have_in_pictures(general):
    colours = settings(general)["colours"]
    assert colours == {label: pictures.EMOTION_COLOURS[label] for label in general.labels}
    assert len({*colours.values()}) == len(general.labels)


def test_a_network_with_another_layer_is_refused_by_its_name():
    class Capsule:
        name = "caps"

    node = SimpleNamespace(parent_nodes=[])
    layer = Capsule()
    layer._inbound_nodes = [node]
    with pytest.raises(SerKerasError, match=r"does not compute \(caps, Capsule\)"):
        network.layers(SimpleNamespace(name="toy", operations=[layer]))


def test_a_card_cannot_bring_code_into_the_page():
    text = (
        "# T\n\n<script>alert(1)</script> [a](javascript:alert(1)) `<b>`\n\n| a | b |\n| - | - |\n"
    )
    made = card_html(text + "| <i> | **2** |")
    assert "<script" not in made
    assert "javascript" not in made
    assert "<td>&lt;i&gt;</td><td><strong>2</strong></td>" in made


def test_a_program_in_a_card_keeps_its_empty_lines():
    assert '<pre tabindex="0">a = 1\n\nb = 2</pre>' in card_html(
        "x\n\n```python\na = 1\n\nb = 2\n```\n\ny"
    )


def test_of_a_link_in_a_card_the_words_are_left_and_an_address_to_copy():
    assert card_html("[a](../b.md) [c](https://d.org)") == "<p>a c (https://d.org)</p>"


def test_how_far_to_trust_a_model_is_told_with_its_figures_and_the_chance_level():
    plain = Answers(answer_from=0.1, answered=0.6, right=0.5, overall=0.4, speakers=9)
    adapted = Answers(answer_from=0.1, answered=0.6, right=0.7, overall=0.55, speakers=9)
    text = trust_html(Reliability(plain=plain, adapted=adapted), 5)
    assert "9 voices" in text
    assert "So few voices say little of others" in text
    assert "<strong>40</strong> of 100" in text
    assert "would be right in 20" in text
    assert "In 40 of 100 recordings" in text
    assert "<strong>50</strong> are right" in text
    assert "<strong>55</strong> of 100" in text


def test_the_page_of_general_gives_the_figures_of_its_bundle(general, html):
    plain = general.pipeline.reliability.plain
    shown = re.search(r"How far can I trust it\?</summary>\s*<p>(.*?)</p>", html.read_text())[1]
    assert f"<strong>{100 * plain.overall:.0f}</strong> of 100" in shown
    assert f"{plain.speakers} voices" in shown
    assert "So few" not in shown


def test_the_picture_of_the_page_is_small():
    with Image.open(screenshot.PLACE) as picture:
        assert picture.width == screenshot.WIDTH
    assert screenshot.PLACE.stat().st_size < 80_000


def test_a_model_without_a_card_or_without_figures_is_shown_without_them(general, monkeypatch):
    def missing(folder):
        raise SerKerasError(folder, "has no CARD.md", "Ask whoever made this model")

    monkeypatch.setattr(models, "card", missing)
    unmeasured = dataclasses.replace(general.pipeline, reliability=None)
    text = page.html_of(dataclasses.replace(general, pipeline=unmeasured))
    assert "<details hidden><summary>All that is known" in text
    assert "Nobody measured how often" in text
    assert not re.search(r"\{\{[A-Z]+\}\}", text)
