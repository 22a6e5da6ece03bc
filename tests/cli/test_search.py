import sys

import pytest

from ser_keras import corpora, files
from ser_keras.cli import ledger
from ser_keras.ledger import search
from ser_keras.ledger.search import Trial
from ser_keras.runs import Searched
from tests.ledger.made import made

pytest.importorskip("optuna")


@pytest.fixture
def searched(monkeypatch, tmp_path):
    """The searches that were asked for, where each ends at once."""
    calls = []

    def run(asked, n):
        calls.append((asked, n))
        key = asked.key
        run = made(
            asked.out,
            protocol=key.protocol,
            fold=key.fold,
            overrides=("training.learning_rate=0.002",),
            searched=Searched(trials=n, scored=4),
        )
        rates = [{each.key: f"0.00{i}" for each in asked.ranges} for i in (1, 2, 3)]
        scores = ((search.FINISHED, 0.4), (search.FINISHED, 0.6), (search.PRUNED, 0.2))
        trials = [
            Trial(settings=rate, state=state, score=score, best_epoch=1)
            for rate, (state, score) in zip(rates, scores, strict=True)
        ]
        return run, trials

    monkeypatch.setattr(search, "run", run)
    return calls


@pytest.fixture
def argv(tiny_tess, cache, tmp_path):
    """What asks for a search on the tiny corpus."""
    places = ["--data", tiny_tess, "--cache", cache, "--out", tmp_path / "runs"]
    return ["run", "--recipe", "attention-tess", *map(str, places)]


def test_each_fold_is_searched_over_the_ranges_that_were_named(searched, argv, capsys):
    named = ["--range", "training.learning_rate=1e-4..1e-2", "--set", "training.epochs=9"]
    ledger.main([*argv, "--protocol", "speaker", "--fold", "all", "--search", "20", *named])
    assert [n for _, n in searched] == [20, 20]
    assert [asked.key.fold for asked, _ in searched] == [0, 1]
    for asked, _ in searched:
        assert [str(each) for each in asked.ranges] == ["training.learning_rate=0.0001..0.01"]
        assert asked.recipe.training.epochs == 9
        assert asked.key.overrides == ("training.epochs=9",)
    err = capsys.readouterr().err
    assert "0.0001 to 0.01, logarithmic" in err


def test_the_screen_shows_the_best_trials_and_how_many_settings_were_scored(
    searched, argv, capsys, tmp_path
):
    ledger.main([*argv, "--search", "3", "--range", "training.learning_rate=1e-4..1e-2"])
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert ["2", "0.6000", "0.002"] in rows
    assert rows.index(["2", "0.6000", "0.002"]) < rows.index(["1", "0.4000", "0.001"])
    assert "3 trials: 2 finished, 1 pruned, 0 failed" in out
    assert "4 settings have been scored on these test clips" in out
    next_command = err.splitlines()[-1]
    assert next_command == f"Next: python -m ser_keras.ledger show {tmp_path / 'runs'}"
    ledger.main(["show", str(tmp_path / "runs")])
    shown = capsys.readouterr().out
    assert "settings scored on these test clips" in shown


def test_the_demo_corpus_gets_the_batch_size_that_suits_it(searched, argv, cache):
    assert corpora.get("demo").find(files.DATA) is not None
    places = [*argv[: argv.index("--data")], "--data", str(files.DATA)]
    places += argv[argv.index("--cache") :]
    ledger.main([*places, "--corpus", "demo", "--protocol", "speaker", "--search", "1"])
    ((asked, _),) = searched
    assert "training.batch_size=8" in asked.key.overrides
    assert "training.batch_size=4,8,16" in {str(each) for each in asked.ranges}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--range model.units=8,16", "--range: serves a search alone. Add --search N"),
        ("--search 0", "--search: is below 1"),
        ("--search 2 --vary model.units 8 16", "--vary: does not go together with --search"),
        ("--search 2 --keep", "--keep: does not go together with --search"),
        ("--search 2 --dask tcp://127.0.0.1:1", "--dask: does not go together with --search"),
        ("--search 2 --range model.unit=8,16", "--range model.unit=8,16: no such setting"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(searched, argv, capsys, words, sentence):
    with pytest.raises(SystemExit) as stop:
        ledger.main([*argv, *words.split()])
    assert stop.value.code == 1
    assert not searched
    assert sentence in capsys.readouterr().err


def test_without_optuna_nothing_is_begun(searched, argv, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit) as stop:
        ledger.main([*argv, "--search", "2"])
    assert stop.value.code == 1
    (line,) = [li for li in capsys.readouterr().err.splitlines() if li.startswith("error:")]
    assert "needs Optuna, which is not installed" in line
    assert "pip install 'ser_keras[search]'" in line
