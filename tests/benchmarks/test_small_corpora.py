"""The small corpora are drawn by a rule, and measured like a corpus of one's own."""

import dataclasses

from ser_keras import recipes
from tests.benchmarks.small_corpora import DRAWS, lay_out, measure
from tests.splits.indices import ravdess

RAVDESS, AESDD, _ = DRAWS


def test_a_draw_takes_whole_speakers_and_is_the_same_each_time():
    index = ravdess()
    paths = RAVDESS.paths(index)
    clips = index.clips.set_index("path").loc[paths]
    assert clips["speaker"].nunique() == 6
    assert set(clips["emotion"]) == {"angry", "happy", "sad"}
    shuffled = dataclasses.replace(index, table=index.table.sample(frac=1, random_state=0))
    assert RAVDESS.paths(shuffled) == paths


def test_a_draw_takes_so_many_clips_of_each_speaker_and_emotion():
    draw = dataclasses.replace(AESDD, corpus="ravdess")
    clips = ravdess().clips.set_index("path").loc[draw.paths(ravdess())]
    assert set(clips.groupby(["speaker", "emotion"]).size()) == {2}


def test_a_small_corpus_is_measured_beside_its_baselines(tiny_tess, cache, tmp_path):
    draw = dataclasses.replace(AESDD, corpus="tess", clips=5)
    index = lay_out(draw, tiny_tess, tmp_path / "corpus", cache)
    assert len(index.clips) == 2 * 7 * 5
    assert set(index.clips["speaker"]) == {"OAF", "YAF"}
    recipe = recipes.get("mfcc-statistics").override({"training.epochs": "3"})
    result = measure(recipe, index, "random", 0, tmp_path)
    assert result["emotions"] == 7
    assert sum(result["clips"].values()) == 70
    assert set(result["baselines"]) >= {"majority", "mean spectrum", "MFCC statistics"}
    assert result["epochs"] == result["best_epoch"] == 3
