"""Figures as they are drawn, and the corpus that comes with the project."""

import pytest

from ser_keras import corpora, files


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that were drawn, with their layout done."""
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig

    def keep(figure, *args, **options):
        save(figure, *args, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


@pytest.fixture(scope="session")
def demo(cache):
    """The synthetic corpus that comes with the project."""
    corpus = corpora.get("demo")
    return corpus.index(corpus.find(files.DATA), cache=cache)
