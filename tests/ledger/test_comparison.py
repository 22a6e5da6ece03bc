"""Plain and adapted scores of all kinds of systems stand side by side, and apart."""

import pytest

from ser_keras import ledger, pictures
from ser_keras.errors import SerKerasError
from ser_keras.ledger import comparison, literature
from tests.ledger.made import headline, made, mislabelled

NOTHING = {"published": (), "baselines": {}}
WHOLE = "aesdd+ased+ravdess+savee+tess"


def adapted(one, three, speaker):
    uars = {"1 recording": one, "3 recordings": three, "speaker": speaker}
    return {by: headline(9, value) for by, value in uars.items()}


def two_folds(folder, uars, **changes):
    """Put a row of two folds into a folder of runs, on TESS with one actress left out."""
    for fold, uar in enumerate(uars):
        made(folder, protocol="speaker", fold=fold, folds=2, uar=uar, **changes)


def line(table, name, column=1):
    """Return the cells of the line with a name, by header."""
    (cells,) = (row for row in table.rows if row[column] == name)
    return dict(zip(table.header, cells, strict=True))


@pytest.mark.parametrize(
    ("recipe", "way"),
    [
        ("attention-tess", comparison.PUBLISHED),
        ("attention-tess-corrected", comparison.CORRECTED),
        ("mfcc-statistics", comparison.MFCC),
        ("functionals-linear", comparison.FUNCTIONALS),
        ("encoder-linear", comparison.ENCODER),
        ("fusion", comparison.BOTH),
        ("general", comparison.BOTH),
    ],
)
def test_the_kind_of_a_system_follows_from_its_recipe(recipe, way):
    assert comparison.way(recipe) == way


def test_a_system_has_a_line_with_its_mean_and_spread_over_folds(tmp_path):
    two_folds(tmp_path, (0.5, 0.75), recipe="encoder-linear", **NOTHING)
    cells = line(comparison.plain(ledger.rows(tmp_path)), "encoder-linear")
    assert cells["kind"] == "speaker encoder"
    assert cells["TESS, other actress"] == "0.625 ± 0.177"
    assert cells["SAVEE"] == ""


def test_missing_folds_are_named(tmp_path):
    made(tmp_path, protocol="speaker", folds=2, uar=0.5)
    cells = line(comparison.plain(ledger.rows(tmp_path)), "attention-tess")
    assert cells["TESS, other actress"] == "0.500, 1 of 2"


def test_protocols_that_share_voices_are_no_part_of_the_comparison(tmp_path):
    for protocol in ("paper", "random", "text"):
        made(tmp_path, protocol=protocol, uar=0.75)
    assert comparison.scores(ledger.rows(tmp_path)) == []


def test_synthetic_speech_is_no_part_of_the_comparison(tmp_path):
    made(tmp_path, protocol="speaker", uar=0.75, synthetic=True)
    assert comparison.scores(ledger.rows(tmp_path)) == []


def test_the_best_baseline_of_a_question_is_named_and_mfcc_statistics_have_a_line(tmp_path):
    two_folds(tmp_path, (0.5, 0.5), baselines={"MFCC statistics": 0.25, "ComParE": 0.375})
    table = comparison.plain(ledger.rows(tmp_path))
    assert line(table, "MFCC statistics")["TESS, other actress"] == "0.250 ± 0.000"
    (best,) = (row for row in table.rows if row[0] == "best baseline")
    assert "0.375 ± 0.000 (ComParE)" in best


def test_a_baseline_is_taken_from_the_row_with_the_most_folds(tmp_path):
    made(tmp_path, protocol="speaker", folds=2, baselines={"duration": 0.75})
    two_folds(tmp_path, (0.5, 0.5), recipe="mean-mfcc-lstm", baselines={"duration": 0.25})
    scores = comparison.scores(ledger.rows(tmp_path))
    (duration,) = (score for score in scores if score.system == "duration")
    assert (duration.value, duration.coverage) == (0.25, "")


def test_plain_and_adapted_scores_stand_in_tables_of_their_own(tmp_path):
    of = adapted(0.5, 0.625, 0.75)
    two_folds(tmp_path, (0.25, 0.25), recipe="fusion", adapted=of, **NOTHING)
    rows = ledger.rows(tmp_path)
    assert line(comparison.plain(rows), "fusion")["TESS, other actress"] == "0.250 ± 0.000"
    table = comparison.adapted(rows)
    assert [row[:2] for row in table.rows] == [
        ["fusion", "1 other recording of the voice"],
        ["fusion", "3 other recordings of the voice"],
        ["fusion", "all recordings of the voice, the scored ones too"],
    ]
    column = list(table.header).index("TESS, other actress")
    assert [row[column][:5] for row in table.rows] == ["0.500", "0.625", "0.750"]


def test_a_row_some_of_whose_runs_were_not_adapted_is_not_in_the_adapted_table(tmp_path):
    of = adapted(0.5, 0.5, 0.5)
    made(tmp_path, recipe="fusion", protocol="speaker", folds=2, adapted=of)
    made(tmp_path, recipe="fusion", protocol="speaker", fold=1, folds=2)
    assert comparison.adapted(ledger.rows(tmp_path)).rows == []


def test_of_pooled_corpora_the_clips_of_one_are_scored_alone(tmp_path):
    pooled = {"recipe": "attention-three-corpora", "corpus": "ravdess+savee+tess"}
    part = {"tess": headline(9, 0.75), "savee": headline(9, 0.25)}
    made(tmp_path, **pooled, protocol="speaker", uar=0.5, by_corpus=part)
    (score,) = comparison.scores(ledger.rows(tmp_path))
    assert score.question == "TESS, with RAVDESS and SAVEE"
    assert score.value == 0.75
    assert comparison.chance_levels(ledger.rows(tmp_path)) == {}


def test_of_pooled_corpora_adapted_scores_are_those_of_one_too(tmp_path):
    pooled = {"recipe": "fusion", "corpus": "ravdess+savee+tess", "protocol": "speaker"}
    part = {"by_corpus": {"tess": headline(9, 0.75)}, "adapted": adapted(0.25, 0.25, 0.25)}
    of = {"tess": adapted(0.5, 0.625, 0.875), "savee": adapted(0.125, 0.125, 0.125)}
    made(tmp_path, **pooled, **part, adapted_by_corpus=of)
    table = comparison.adapted(ledger.rows(tmp_path))
    column = list(table.header).index("TESS, with RAVDESS and SAVEE")
    assert [row[column] for row in table.rows] == ["0.500", "0.625", "0.875"]


def test_pooled_runs_without_adapted_scores_of_a_corpus_show_none(tmp_path):
    pooled = {"recipe": "fusion", "corpus": "ravdess+savee+tess", "protocol": "speaker"}
    part = {"by_corpus": {"tess": headline(9, 0.75)}, "adapted": adapted(0.25, 0.25, 0.25)}
    made(tmp_path, **pooled, **part)
    assert comparison.adapted(ledger.rows(tmp_path)).rows == []


def test_neighbours_trained_on_pooled_corpora_are_tested_on_one(tmp_path):
    def pooled(predictions):
        index = range(len(predictions))
        corpus = ["tess" if number % 2 else "savee" for number in index]
        return predictions.assign(path=[f"{c}/{n}.wav" for n, c in zip(index, corpus, strict=True)])

    part = {"corpus": "ravdess+savee+tess", "by_corpus": {"tess": headline(9, 0.75)}}
    for recipe in ("encoder-linear", "fusion"):
        made(tmp_path, recipe=recipe, protocol="speaker", change=pooled, **part)
    (row,) = comparison.neighbours(ledger.rows(tmp_path)).rows
    assert row[3] == "280"


def test_large_models_of_the_literature_are_marked_as_not_run_here():
    table = comparison.plain([])
    cells = line(table, "HuBERT-base")
    assert cells["kind"].startswith("literature, not run here")
    assert cells["RAVDESS, EmoBox's six folds"] == "0.654"
    assert line(table, "WavLM-base")["SAVEE"] == "accuracy 0.671"


def test_a_large_model_whose_size_no_source_gives_has_none():
    table = comparison.systems([], {})
    assert line(table, "data2vec2-large")["parameters frozen"] == ""
    assert line(table, "WavLM-large")["parameters frozen"] == "about 317,000,000"


def test_each_large_model_has_a_licence():
    assert all(model.licence for model in literature.LARGE_MODELS)


def test_each_figure_of_the_literature_answers_a_question():
    asked = {question[1:3] for question in comparison.QUESTIONS}
    for model in literature.LARGE_MODELS:
        assert {*model.uar, *model.accuracy} <= asked
        assert not model.uar.keys() & model.accuracy.keys()


def test_the_chance_level_of_corpora_left_out_is_a_mean_over_them(tmp_path):
    made(tmp_path, recipe="general", corpus=WHOLE, protocol="whole-corpus", folds=5)
    levels = comparison.chance_levels(ledger.rows(tmp_path))
    assert levels == {"one corpus left out": pytest.approx(1 / 7)}


def test_the_parameters_of_an_encoder_are_counted_apart_from_the_trained_ones(tmp_path):
    made(tmp_path, recipe="encoder-linear", protocol="speaker", parameters=7_175, **NOTHING)
    made(tmp_path, recipe="functionals-linear", protocol="speaker", parameters=3_031, **NOTHING)
    table = comparison.systems(ledger.rows(tmp_path), {"encoder-linear": 12.345})
    encoder = line(table, "encoder-linear")
    assert (encoder["parameters trained"], encoder["parameters frozen"]) == ("7,175", "829,440")
    assert "Apache-2.0" in encoder["licence"]
    functionals = line(table, "functionals-linear")
    assert (functionals["parameters frozen"], functionals["pretrained on"]) == ("", "nothing")
    assert (encoder["ms a clip"], functionals["ms a clip"]) == ("12.3", "")


def test_the_time_of_a_system_is_the_median_of_what_is_stored(tmp_path):
    path = tmp_path / "milliseconds.json"
    assert comparison.milliseconds(path) == {}
    path.write_text('[{"milliseconds": {"fusion": [9.0, 3.0, 4.0]}}]')
    assert comparison.milliseconds(path) == {"fusion": 4.0}


@pytest.mark.parametrize("text", ["3", "[[]]", "[{}]", '[{"milliseconds": {"fusion": []}}]'])
def test_times_of_another_form_are_refused(text, tmp_path):
    path = tmp_path / "milliseconds.json"
    path.write_text(text)
    with pytest.raises(SerKerasError, match="holds no milliseconds by system"):
        comparison.milliseconds(path)


def test_the_frozen_parameters_are_those_of_the_stored_encoder(tmp_path):
    from ser_keras.models.speaker_encoder import encoder

    made(tmp_path, recipe="encoder-linear", protocol="speaker")
    cells = line(comparison.systems(ledger.rows(tmp_path), {}), "encoder-linear")
    size = sum(array.size for array in encoder.load().values())
    assert cells["parameters frozen"] == f"{size:,}"


def test_neighbours_are_tested_on_the_same_clips_and_by_speaker(tmp_path):
    made(tmp_path, recipe="functionals-linear", protocol="speaker", change=mislabelled(9))
    made(tmp_path, recipe="encoder-linear", protocol="speaker")
    made(tmp_path, recipe="fusion", protocol="speaker", split_hash="another")
    (row,) = comparison.neighbours(ledger.rows(tmp_path)).rows
    assert row[:6] == [
        *("TESS, other actress", "functionals-linear", "encoder-linear"),
        *("560", "0", "9"),
    ]
    speakers, first, second = map(int, row[7:10])
    assert speakers == 2
    assert first == 0
    assert 1 <= second <= 2


def test_the_short_table_takes_the_best_of_each_line(tmp_path):
    two_folds(tmp_path, (0.5, 0.5), baselines={"loudness": 0.25})
    two_folds(tmp_path, (0.625, 0.625), recipe="attention-tess-corrected", baselines={})
    of = adapted(0.5, 0.875, 1.0)
    two_folds(tmp_path, (0.75, 0.75), recipe="fusion", adapted=of, **NOTHING)
    table = comparison.short(ledger.rows(tmp_path))
    column = list(table.header).index("TESS")
    assert [row[column] for row in table.rows] == ["0.625", "0.250", "0.750", "0.875"]


def test_the_picture_has_the_best_system_of_each_way_with_its_own_adapted_scores(tmp_path):
    two_folds(tmp_path, (0.5, 0.5), recipe="mean-mfcc-lstm", baselines={"MFCC statistics": 0.25})
    two_folds(tmp_path, (0.75, 0.75), baselines={})
    of = adapted(0.5, 0.625, 0.75)
    two_folds(tmp_path, (0.25, 0.25), recipe="fusion", adapted=of, **NOTHING)
    drawn = comparison.best_of_each_way(comparison.scores(ledger.rows(tmp_path)))
    assert [(score.system, score.adapted) for score in drawn] == [
        ("attention-tess", ""),
        ("MFCC statistics", ""),
        ("fusion", ""),
        ("fusion", "1 recording"),
        ("fusion", "3 recordings"),
        ("fusion", "speaker"),
    ]
    assert all(isinstance(score, pictures.Measured) for score in drawn)


def test_the_literature_is_drawn_beside_what_was_measured_alone(tmp_path):
    made(tmp_path, recipe="fusion", corpus="savee", protocol="speaker", **NOTHING)
    drawn = comparison.best_of_each_way(comparison.scores(ledger.rows(tmp_path)))
    names = [score.system for score in drawn if score.way == comparison.LARGE]
    assert "HuBERT-base" in names
    assert {score.question for score in drawn} == {"SAVEE"}
    assert comparison.best_of_each_way([]) == []
