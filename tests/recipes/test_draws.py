"""The draws that recipes bring: sizes, what the seed moves, and what the authors published."""

import dataclasses

import pytest

from ser_keras import corpora, recipes, splits
from ser_keras.errors import SerKerasError
from tests.splits.indices import TESS_EMOTIONS, TESS_FOLDERS, ravdess, tess, values

ATTENTION = recipes.get("attention-tess").draw


def test_the_published_tess_split_takes_40_clips_of_each_folder():
    split = splits.make(tess(), "paper", draw=ATTENTION)
    assert split.counts() == {"train": 1960, "validation": 280, "test": 560}
    folders = split.part("test")["path"].str.split("/").str[0].value_counts()
    assert folders.to_dict() == dict.fromkeys(TESS_FOLDERS, 40)
    assert split.forbids == ("content",)


def test_a_folder_that_lacks_some_clips_still_gives_40():
    index = tess()
    index = dataclasses.replace(
        index, table=index.table[index.table["path"] != "OAF_Fear/OAF_w007_fearful.wav"]
    )
    split = splits.make(index, "paper", draw=ATTENTION)
    assert split.counts() == {"train": 1959, "validation": 280, "test": 560}


def test_a_small_corpus_gives_a_fifth_of_each_folder_to_the_published_split():
    split = splits.make(tess(words=10), "paper", draw=ATTENTION)
    assert split.counts() == {"train": 98, "validation": 14, "test": 28}


def test_the_seed_moves_the_published_test_side_and_nothing_else_does():
    first, repeated, other = (
        splits.make(tess(), "paper", seed=seed, draw=ATTENTION) for seed in (0, 0, 1)
    )
    assert first.hash == repeated.hash
    assert values(first, "test", "path") != values(other, "test", "path")
    shuffled = dataclasses.replace(tess(), table=tess().table.sample(frac=1, random_state=0))
    assert splits.make(shuffled, "paper", draw=ATTENTION).hash == first.hash


def test_the_draw_of_mean_mfcc_lstm_has_its_published_counts():
    split = splits.make(tess(), "paper", draw=recipes.get("mean-mfcc-lstm").draw)
    assert split.counts() == {"train": 2023, "validation": 357, "test": 420}
    counts = split.part("test")["emotion"].value_counts()
    assert [counts[emotion] for emotion in TESS_EMOTIONS] == [60, 54, 61, 57, 61, 63, 64]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acnt-ravdess", (614, 123, 31)),
        ("mel-cnn-aesdd-resized", (537, 77, 154)),
        ("adafnn-transformer", (614, 77, 77)),
    ],
)
def test_the_other_published_draws_have_their_proportions(name, expected):
    counts = splits.make(ravdess(), "paper", draw=recipes.get(name).draw).counts()
    assert tuple(counts.values()) == expected


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "recipe", "expected"),
    [
        ("tess", "attention-tess", (1960, 280, 560)),
        ("tess", "mean-mfcc-lstm", (2023, 357, 420)),
        ("ravdess", "acnt-ravdess", (1151, 230, 58)),  # of 1,439 sounds: one is there twice
        ("aesdd", "mel-cnn-aesdd-variable", (422, 61, 121)),
    ],
)
def test_the_real_corpora_give_the_published_counts(real_corpora, cache, name, recipe, expected):
    index = corpora.get(name).index(real_corpora / name, cache=cache)
    split = splits.make(index, "paper", draw=recipes.get(recipe).draw)
    assert tuple(split.counts().values()) == expected


def test_a_draw_that_needs_speakers_names_a_clip_without_one():
    index = tess(words=10)
    index.table.loc[2, "speaker"] = None
    with pytest.raises(SerKerasError, match=r"w002_fearful\.wav: has no speaker, and"):
        splits.make(index, "paper", draw=ATTENTION)


@pytest.mark.parametrize("name", recipes.names())
def test_a_correction_has_the_draw_of_the_system_that_it_corrects(name):
    recipe, published = recipes.get(name), recipes.get(name.removesuffix("-corrected"))
    assert recipe.draw is published.draw
    assert recipe.to_json()["draw"] == recipe.draw_name == published.draw_name


def test_a_draw_is_named_after_the_module_that_defines_it():
    names = {recipes.get(name).draw_name for name in recipes.names() if "-corrected" not in name}
    assert names == {
        "acnt-ravdess",
        "adafnn-transformer",
        "attention-tess",
        "mean-mfcc-lstm",
        "mfcc-statistics",
        "mel-cnn-aesdd",  # one draw for its three systems
    }
