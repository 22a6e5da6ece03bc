"""Measurements are stored row by row, and the document is made from what is stored."""

import dataclasses
from pathlib import Path

import pytest

from ser_keras import files
from ser_keras.errors import SerKerasError
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import document, store
from tests.benchmarks.rows import Environment, Measurement, Result, Row
from tests.benchmarks.timing import Spread

HERE = Environment(
    date="2026-01-31",
    system="Linux x86_64",
    processor="AMD EPYC",
    cores=2,
    python="3.11.7",
    packages={"numpy": "2.4.6"},
    repeats=3,
    clips=7,
    synthetic=False,
)
READING = Row("reading", "reading {clips} clips", "a loop", measure=None, target=5)
GROWTH = Row("growth", "memory", "itself", measure=None, target=1.2, sense="cost")
ROWS = (READING, GROWTH)


def reading(*ours, environment=HERE):
    peer = Spread((2.0, 3.0, 4.0))
    return Result(READING, Measurement(Spread(ours), peer, peaks=(61e6, 878e6)), environment)


def growth():
    measurement = Measurement(Spread((110e6,)), Spread((100e6,)), unit="B", note="of a part")
    return Result(GROWTH, measurement, HERE)


@pytest.mark.parametrize(
    ("sense", "ours", "peer", "ratio", "reached"),
    [
        ("gain", 2.0, 10.0, 5.0, True),
        ("gain", 2.0, 9.9, 4.95, False),
        ("cost", 10.0, 2.0, 5.0, True),
        ("cost", 10.2, 2.0, 5.1, False),
    ],
)
def test_a_gain_should_be_at_least_its_target_and_a_cost_at_most(sense, ours, peer, ratio, reached):
    row = Row("name", "work", "peer", measure=None, target=5, sense=sense)
    result = Result(row, Measurement(Spread((ours,)), Spread((peer,))), HERE)
    assert result.ratio == pytest.approx(ratio)
    assert result.reached is reached


def test_the_table_shows_range_target_and_memory():
    lines = document.table([reading(0.002, 0.001, 0.004), growth()]).split("\n")
    assert lines[2:] == [
        "| reading 7 clips | 2.00 ms (1.00 to 4.00) | a loop: 3.00 s (2.00 to 4.00) "
        "| 1500x (1000 to 3000) | at least 5x: reached | 61.0 MB against 878 MB |",
        "| memory; of a part | 110 MB | itself: 100 MB | 1.10x (1.10 to 1.10) "
        "| at most 1.2x: reached |  |",
    ]


def test_one_environment_is_described_once_and_several_with_their_rows():
    one = document.settings([reading(1.0, 2.0, 3.0), growth()])
    assert one.startswith("2026-01-31, Linux x86_64, AMD EPYC, 2 cores, Python 3.11.7, numpy 2.4.6")
    assert one.endswith(
        "7 clips of TESS; 3 repetitions of each contender, after one that is not counted."
    )
    later = dataclasses.replace(HERE, date="2026-02-01", synthetic=True)
    first, second = document.settings([reading(1.0, 2.0, 3.0, environment=later), growth()]).split(
        "\n\n"
    )
    assert first.startswith("`reading`: 2026-02-01")
    assert "synthetic clips" in first
    assert second.startswith("`growth`: 2026-01-31")


def test_a_new_measurement_replaces_its_row_and_leaves_the_others(tmp_path):
    path = tmp_path / "speed.json"
    assert store.read(ROWS, path) == []
    store.merge(growth(), ROWS, path)
    store.merge(reading(0.1, 0.2, 0.3), ROWS, path)
    assert store.read(ROWS, path) == [reading(0.1, 0.2, 0.3), growth()]
    assert len(files.read_json(path)["environments"]) == 1

    later = dataclasses.replace(HERE, date="2026-02-01")
    store.merge(reading(0.4, 0.5, 0.6, environment=later), ROWS, path)
    assert store.read(ROWS, path) == [reading(0.4, 0.5, 0.6, environment=later), growth()]
    store.merge(reading(0.7, 0.8, 0.9), ROWS, path)
    assert len(files.read_json(path)["environments"]) == 1  # the unused one is gone


def test_a_stored_row_that_no_longer_exists_is_left_out(tmp_path):
    path = tmp_path / "speed.json"
    store.merge(growth(), ROWS, path)
    assert store.read([READING], path) == []


def test_a_file_of_another_format_is_refused(tmp_path):
    files.write_json(tmp_path / "speed.json", {"format": 0})
    with pytest.raises(SerKerasError, match="is not of format 1"):
        store.read(ROWS, tmp_path / "speed.json")


def test_the_document_is_filled_from_the_results_and_the_picture_drawn(tmp_path):
    text = (
        "# Speed\n\n<!-- begin: table -->\nold\n<!-- end -->\n\n"
        "It takes <!-- begin: ours reading -->?<!-- end --> of "
        "<!-- begin: against reading -->?<!-- end -->, memory "
        "<!-- begin: ratio growth -->?<!-- end -->.\n"
    )
    path, drawing = tmp_path / "speed.md", tmp_path / "speed.png"
    path.write_text(text)
    document.write(ROWS, [reading(0.1, 0.2, 0.3)], path, drawing)
    filled = path.read_text()
    assert "old" not in filled
    assert "| reading 7 clips |" in filled
    assert "<!-- begin: ours reading -->200 ms<!-- end -->" in filled
    assert "<!-- begin: against reading -->3.00 s<!-- end" in filled
    assert "<!-- begin: ratio growth -->(not measured)<!-- end" in filled
    assert drawing.read_bytes().startswith(b"\x89PNG")
    document.write(ROWS, [reading(0.1, 0.2, 0.3)], path, drawing)
    assert path.read_text() == filled


def test_a_slot_that_is_misspelt_is_an_error(tmp_path):
    path = tmp_path / "speed.md"
    path.write_text("<!-- begin: tabel --><!-- end -->")
    with pytest.raises(SerKerasError, match=r"cannot be filled \(tabel\)"):
        document.write(ROWS, [growth()], path, tmp_path / "speed.png")


def test_the_document_of_the_project_can_be_filled_though_rows_are_missing(tmp_path):
    path = tmp_path / "speed.md"
    path.write_text(benchmarks.DOCUMENT.read_text(encoding="utf-8"))
    row = benchmarks.ROWS[0]
    result = Result(row, Measurement(Spread((1.0,)), Spread((6.0,))), HERE)
    document.write(benchmarks.ROWS, [result], path, tmp_path / "speed.png")
    assert f"| {result.work} |" in path.read_text(encoding="utf-8")


def test_the_document_shows_what_is_stored():
    results = store.read(benchmarks.ROWS, benchmarks.STORE)
    if not results:
        pytest.skip("nothing is stored: python -m tests.benchmarks --keep")
    assert document.table(results) in benchmarks.DOCUMENT.read_text(encoding="utf-8")


def test_every_row_is_listed_and_has_its_own_name(capsys):
    benchmarks.main(["--list"])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [row.name for row in benchmarks.ROWS]
    assert len(set(listed)) == len(listed)


def test_all_modules_with_rows_are_in_the_table():
    here = Path(benchmarks.__file__).parent
    modules = {path.stem for path in here.glob("*.py") if "\nROWS = (\n" in path.read_text("utf-8")}
    assert modules == {row.measure.__module__.rpartition(".")[2] for row in benchmarks.ROWS}


def test_small_sizes_are_never_kept(capsys):
    with pytest.raises(SystemExit):
        benchmarks.main(["--quick", "--keep"])
    assert "--quick measures nothing that is worth keeping" in capsys.readouterr().err


class TestAMeasurementThatIsKept:
    @pytest.fixture(autouse=True)
    def project(self, tmp_path, monkeypatch):
        """Two rows that take no time, and files of their own."""
        self.measured = []

        def row(name):
            def measure(setting):
                self.measured.append(name)
                if name in self.broken:
                    raise self.broken[name]
                return Measurement(Spread((1.0,)), Spread((6.0,)))

            return Row(name, f"{name} {{clips}} clips", "a loop", measure)

        self.broken = {}
        self.rows = (row("first"), row("second"))
        monkeypatch.setattr(benchmarks, "ROWS", self.rows)
        self.store, self.document = tmp_path / "speed.json", tmp_path / "speed.md"
        monkeypatch.setattr(benchmarks, "STORE", self.store)
        monkeypatch.setattr(benchmarks, "DOCUMENT", self.document)
        monkeypatch.setattr(benchmarks, "PICTURE", tmp_path / "speed.png")
        self.document.write_text("<!-- begin: table --><!-- end -->\n")
        self.corpora = ["--corpora", str(tmp_path), "--repeats", "1"]

    def names(self):
        return [result.row.name for result in store.read(self.rows, self.store)]

    def test_it_is_stored_row_by_row_and_resumed_after_an_interruption(self):
        self.broken = {"second": KeyboardInterrupt()}
        with pytest.raises(SystemExit):
            benchmarks.main([*self.corpora, "--keep"])
        assert self.names() == ["first"]

        self.broken, self.measured = {}, []
        benchmarks.main([*self.corpora, "--keep", "--resume"])
        assert self.measured == ["second"]
        assert self.names() == ["first", "second"]
        assert "| second 392 clips |" in self.document.read_text()

    def test_a_row_that_cannot_be_measured_is_left_out(self, capsys):
        self.broken = {"first": SerKerasError("torch", "is not installed", "Install it")}
        benchmarks.main([*self.corpora, "--keep"])
        assert self.names() == ["second"]
        assert "first is left out: torch: is not installed" in capsys.readouterr().err

    def test_without_keep_nothing_is_written(self):
        benchmarks.main([*self.corpora, "--only", "first"])
        assert self.names() == []
        assert self.measured == ["first"]
