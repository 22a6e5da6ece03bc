"""What the exporter writes, looked at without a browser."""

import re
from types import SimpleNamespace

import pytest

from ser_keras.errors import SerKerasError
from ser_keras.page import COLOURS, ENGINE, HERE, INTERFACE, network
from ser_keras.page.card import card_html


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


def test_every_emotion_of_general_has_a_colour_of_its_own(general):
    colours = [COLOURS[label] for label in general.labels]
    assert len({*colours}) == len(general.labels)


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
