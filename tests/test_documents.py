"""The documents lead somewhere, keep to their size, and say what the code says."""

import re
from pathlib import Path

import pytest

from tests.test_architecture import ORDER, PACKAGE

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "results/README.md", "results/speed.md"),
    *("results/audits.md", "data/demo/README.md", "data/splits/README.md"),
)


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(document):
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_pictures_of_a_document_exist(name):
    links = re.findall(r"\]\(([^)\s]+)\)", text(name))
    for link in (link for link in links if not link.startswith("http")):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_slot_of_a_document_has_an_end_and_stands_once(name):
    begins = re.findall(r"<!-- begin: (.+?) -->", text(name))
    assert len(begins) == text(name).count("<!-- end -->")
    assert len(set(begins)) == len(begins)


def test_the_readme_has_ten_kilobytes_at_most():
    assert len(text("README.md").encode()) <= 10_000


def test_the_guide_for_contributors_has_150_lines_at_most():
    assert len(text("CONTRIBUTING.md").splitlines()) <= 150


def test_the_guide_for_contributors_gives_the_order_of_imports():
    block = re.search(r"```\n(errors plain console .+?)\n```", text("CONTRIBUTING.md"), re.DOTALL)
    there = {path.stem for path in PACKAGE.iterdir()}
    assert block[1].split() == [module for module in ORDER if module in there]


def test_the_readme_has_the_two_commands():
    for command in (
        "pip install -r requirements.txt && python Emotion_Recognition.py",
        "pip install -r requirements-dev.txt && python -m pytest",
    ):
        assert f"```\n{command}\n```" in text("README.md")
