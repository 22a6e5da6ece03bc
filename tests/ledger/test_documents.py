import pytest

from ser_keras import ledger
from ser_keras.errors import SerKerasError
from ser_keras.ledger import documents
from tests.ledger.made import made


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "above\n<!-- begin: runs -->\nold\n<!-- end -->\nThe UAR is "
        "<!-- begin: uar attention-tess tess paper -->?<!-- end -->."
    )
    return path


def test_writing_twice_changes_nothing_and_leaves_the_prose_alone(tmp_path, document):
    made(tmp_path / "runs", uar=0.75)
    ledger.write(tmp_path / "runs", [document])
    first = document.read_text()
    ledger.write(tmp_path / "runs", [document])
    assert document.read_text() == first
    assert first.startswith("above\n<!-- begin: runs -->\n| system |")
    assert "| attention-tess | tess | paper | 1 |" in first
    assert "-->0.750<!--" in first
    assert "\nold\n" not in first


def test_every_run_is_a_line_of_a_flat_table(tmp_path, document):
    import pandas as pd

    made(tmp_path / "runs", uar=0.75)
    made(tmp_path / "runs", seed=1, repeat=1)
    ledger.write(tmp_path / "runs", [document])
    table = pd.read_csv(tmp_path / "runs.csv")
    assert list(table.columns) == (
        "system corpus protocol fold seed repeat accuracy accuracy_low accuracy_high uar uar_low "
        "uar_high macro_f1 macro_f1_low macro_f1_high n speakers parameters pretrained seconds "
        "commit backend device"
    ).split(" ")
    assert list(table["uar"]) == [0.75, 1.0]
    assert list(table["speakers"]) == [2, 2]


@pytest.mark.parametrize("name", ["tabel", "uar attention-tess tess text"])
def test_a_slot_that_nothing_fills_is_refused(tmp_path, name):
    made(tmp_path / "runs")
    with pytest.raises(SerKerasError, match="Correct the name in the document"):
        documents.fill([name], ledger.read(tmp_path / "runs"))


@pytest.mark.parametrize("path", ledger.DOCUMENTS, ids=lambda path: path.parent.name)
def test_the_documents_show_the_kept_runs(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "ledger").symlink_to(ledger.LEDGER)
    ledger.write(tmp_path / "ledger", [copy])
    command = "run: python -m ser_keras.ledger write"
    assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), command
    kept = documents.RUNS_CSV.read_text(encoding="utf-8")
    assert (tmp_path / "runs.csv").read_text(encoding="utf-8") == kept, command


def test_the_pictures_are_drawn_from_the_runs(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        documents.pictures, "ladder", lambda rungs, path, _: drawn.update({path.name: rungs})
    )
    made(tmp_path, seed=0, uar=0.5, baselines={"duration": 0.4, "loudness": 0.2})
    made(tmp_path, seed=1, uar=0.75, baselines={"duration": 0.2, "loudness": 0.3})
    made(tmp_path, recipe="attention-tess-corrected")
    out = tmp_path / "out"
    assert ledger.draw(tmp_path, out) == [out / "ladder.png", out / "ladder-all.png"]
    (rung,) = drawn["ladder.png"]
    assert (rung.recipe, rung.corpus, rung.protocol) == ("attention-tess", "tess", "paper")
    assert (rung.value, rung.low, rung.high, rung.n) == (0.625, 0.5, 0.75, 560)
    assert (rung.baseline, rung.published) == (pytest.approx(0.3), 0.9)
    assert rung.chance == pytest.approx(1 / 7)
    assert [each.recipe for each in drawn["ladder-all.png"]] == [
        "attention-tess",
        "attention-tess-corrected",
    ]


def test_a_system_that_was_tested_on_unseen_speakers_has_a_picture_of_them(tmp_path):
    made(tmp_path, uar=0.9)
    made(tmp_path, protocol="speaker", uar=0.4)
    paths = ledger.draw(tmp_path, tmp_path / "out")
    assert [path.name for path in paths] == [
        "ladder.png",
        "ladder-all.png",
        "comparison.png",
        "speaker-text-attention-tess-tess.png",
    ]
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in paths)


def test_a_system_of_which_nothing_was_published_is_in_the_comparison_alone(tmp_path):
    made(tmp_path, recipe="encoder-linear", protocol="speaker", published=())
    made(tmp_path)
    paths = ledger.draw(tmp_path, tmp_path / "out")
    assert [path.name for path in paths] == ["ladder.png", "ladder-all.png", "comparison.png"]
    rows = ledger.rows(tmp_path)
    assert len(rows) == 2
    assert not documents._grids(rows)


def test_the_comparison_is_written_where_nothing_was_measured(tmp_path):
    names = [f"comparison{kind}" for kind in ("", "-adapted", "-systems", "-pairs", "-short")]
    path = tmp_path / "README.md"
    path.write_text("\n".join(f"<!-- begin: {name} -->\n<!-- end -->" for name in names))
    (tmp_path / "runs").mkdir()
    ledger.write(tmp_path / "runs", [path])
    lines = path.read_text().splitlines()
    headers = [lines[lines.index(f"<!-- begin: {name} -->") + 1] for name in names]
    assert all(header.startswith("| ") for header in headers)
    assert any("HuBERT-base" in line for line in lines)


def test_there_is_nothing_to_draw_without_runs(tmp_path):
    with pytest.raises(SerKerasError, match="holds no finished run"):
        ledger.draw(tmp_path, tmp_path / "out")
