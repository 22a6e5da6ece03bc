"""Draws: sizes, who is kept from whom, what the seed moves, and what cannot be split."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from ser_keras import corpora, recipes, splits
from ser_keras.errors import SerKerasError
from tests.splits.indices import (
    TESS_EMOTIONS,
    ased_like,
    grid,
    index_of,
    ravdess,
    tess,
    values,
)

ATTENTION = recipes.get("attention-tess").draw


def test_random_is_70_10_20_with_equal_shares_of_every_emotion():
    split = splits.make(tess(), "random")
    assert split.counts() == {"train": 1960, "validation": 280, "test": 560}
    for role, n in (("train", 280), ("validation", 40), ("test", 80)):
        assert set(split.part(role)["emotion"].value_counts()) == {n}


def test_the_folds_of_random_test_every_clip_once():
    index = tess(words=10)
    tested = [splits.make(index, "random", fold=fold).part("test") for fold in range(5)]
    assert splits.folds(index, "random") == 5
    assert sorted(pd.concat(tested)["path"]) == sorted(index.table["path"])


def test_across_the_speakers_of_tess_validation_has_words_of_its_own():
    split = splits.make(tess(), "speaker")
    assert splits.folds(tess(), "speaker") == 2
    assert values(split, "train", "speaker") == values(split, "validation", "speaker") == {"OAF"}
    assert values(split, "test", "speaker") == {"YAF"}
    assert not values(split, "train", "text") & values(split, "validation", "text")
    assert split.counts() == {"train": 1225, "validation": 175, "test": 1400}
    assert values(splits.make(tess(), "speaker", fold=1), "test", "speaker") == {"OAF"}


def test_one_training_speaker_without_texts_validates_on_clips_of_each_emotion():
    index = tess(words=16)
    index.table["text"] = pd.NA
    split = splits.make(index, "speaker")
    assert split.counts() == {"train": 98, "validation": 14, "test": 112}
    assert set(split.part("validation")["emotion"].value_counts()) == {2}


def test_ravdess_has_the_published_folds_of_actors():
    folds = [splits.make(ravdess(), "speaker", fold=fold) for fold in range(5)]
    tested = [" ".join(sorted(values(split, "test", "speaker"))) for split in folds]
    assert tested == [
        "02 05 14 15 16",
        "03 06 07 13 18",
        "10 11 12 19 20",
        "08 17 21 23 24",
        "01 04 09 22",
    ]
    for split in folds:
        sides = [values(split, role, "speaker") for role in splits.ROLES]
        assert sum(map(len, sides)) == 24
        assert len(set.union(*sides)) == 24
        assert len(sides[1]) == 3


def test_a_part_of_ravdess_has_the_folds_that_its_actors_make():
    index = grid("ravdess", ("01", "02", "04"), TESS_EMOTIONS, ("kids", "dogs"))
    assert splits.folds(index, "speaker") == 2
    assert values(splits.make(index, "speaker"), "test", "speaker") == {"02"}


def test_a_few_speakers_are_left_out_one_by_one():
    index = grid("savee", ("DC", "JE", "JK", "KL"), TESS_EMOTIONS, ("01", "02", "03"))
    tested = [values(splits.make(index, "speaker", fold=i), "test", "speaker") for i in range(4)]
    assert tested == [{"DC"}, {"JE"}, {"JK"}, {"KL"}]


def test_many_speakers_are_tested_in_five_groups():
    index = ased_like()
    tested = [values(splits.make(index, "speaker", fold=i), "test", "speaker") for i in range(5)]
    assert splits.folds(index, "speaker") == 5
    assert tested[:2] == [{"00", "09", "10"}, {"01", "08", "11"}]
    assert sorted(set.union(*tested)) == sorted(set(index.table["speaker"]))
    assert sum(map(len, tested)) == 12


def test_groups_of_speakers_have_equal_size_even_if_speakers_have_not():
    rows = [
        (f"{speaker:02}/{emotion}-{take}.wav", f"{speaker:02}", emotion, "one")
        for speaker in range(20)
        for emotion in ("sad", "happy")
        for take in range(1 + speaker)
    ]
    index = index_of("own", rows)
    sizes = [splits.make(index, "speaker", fold=fold).counts()["test"] for fold in range(5)]
    assert sizes == [84] * 5


def test_text_folds_share_no_word():
    index = tess()
    tested = []
    for fold in range(splits.folds(index, "text")):
        split = splits.make(index, "text", fold=fold)
        sides = [values(split, role, "text") for role in splits.ROLES]
        assert [len(side) for side in sides] == [140, 20, 40]
        assert len(set.union(*sides)) == 200
        tested += sides[2]
    assert sorted(tested) == sorted(set(index.table["text"]))


def test_two_sentences_make_two_folds_and_validation_has_speakers_of_its_own():
    split = splits.make(ravdess(), "text", fold=1)
    assert splits.folds(ravdess(), "text") == 2
    assert values(split, "test", "text") == {"kids"}
    assert values(split, "train", "text") == values(split, "validation", "text") == {"dogs"}
    assert len(values(split, "validation", "speaker")) == 3
    assert not values(split, "train", "speaker") & values(split, "validation", "speaker")


def test_sentences_that_reveal_the_emotion_are_never_held_out():
    index = ased_like()
    assert splits.folds(index, "text") == 2
    for fold in range(2):
        split = splits.make(index, "text", fold=fold)
        assert len(values(split, "test", "text")) == 1
        assert values(split, "test", "text") < {"06", "07"}
        assert values(split, "train", "text") > {"01", "02", "03", "04", "05"}


def test_speaker_text_tests_unseen_speakers_saying_unseen_words():
    index = tess()
    assert splits.folds(index, "speaker-text") == 10
    split = splits.make(index, "speaker-text")
    assert split.counts() == {"train": 980, "validation": 140, "test": 280}
    for column in ("speaker", "text"):
        seen = values(split, "train", column) | values(split, "validation", column)
        assert not seen & values(split, "test", column)
    assert not values(split, "train", "text") & values(split, "validation", "text")


@pytest.mark.parametrize(
    ("index", "n"),
    [
        (tess(words=10), 10),
        (ravdess(), 10),
        (grid("savee", "ABCD", TESS_EMOTIONS, "123"), 12),
        (grid("aesdd", "123456", TESS_EMOTIONS, [f"{i:02}" for i in range(20)]), 30),
    ],
    ids=lambda value: getattr(value, "corpus", value),
)
def test_the_folds_of_speaker_text_test_every_clip_once(index, n):
    tested = [splits.make(index, "speaker-text", fold=fold).part("test") for fold in range(n)]
    assert splits.folds(index, "speaker-text") == n
    assert sorted(pd.concat(tested)["path"]) == sorted(index.table["path"])
    assert tested[0]["text"].iloc[0] != tested[1]["text"].iloc[0]


def test_speaker_text_keeps_validation_apart_in_speakers_and_texts_where_there_are_several():
    index = grid("aesdd", "123456", TESS_EMOTIONS, [f"{i:02}" for i in range(20)])
    split = splits.make(index, "speaker-text", fold=7)
    sides = [{c: values(split, role, c) for c in ("speaker", "text")} for role in splits.ROLES]
    for column, sizes in (("speaker", [3, 2, 1]), ("text", [12, 4, 4])):
        assert [len(side[column]) for side in sides] == sizes
        assert len(set.union(*(side[column] for side in sides))) == sum(sizes)


def test_the_seed_moves_validation_but_not_the_test_speakers():
    first, other = (splits.make(ravdess(), "speaker", seed=seed) for seed in (0, 1))
    assert values(first, "test", "path") == values(other, "test", "path")
    assert values(first, "validation", "speaker") != values(other, "validation", "speaker")


@pytest.mark.parametrize("protocol", ["paper", *splits.of_one_corpus("ravdess")])
def test_duplicates_never_enter_and_no_sound_is_on_two_sides(protocol):
    index = ravdess()
    copy = index.table.iloc[[5]].assign(path="24/zz.wav", duplicate_of=index.table["path"][5])
    index = dataclasses.replace(index, table=pd.concat([index.table, copy], ignore_index=True))
    split = splits.make(index, protocol, draw=recipes.get("acnt-ravdess").draw)
    assert "24/zz.wav" not in set(split.table["path"])
    assert split.table["content"].is_unique
    assert split.table["path"].is_monotonic_increasing


def test_an_index_with_unmarked_duplicates_is_refused():
    index = ravdess()
    index.table.loc[1, "content"] = index.table.loc[0, "content"]
    with pytest.raises(SerKerasError, match="are the same sound"):
        splits.make(index, "random")


def test_pooled_corpora_are_split_each_by_itself():
    index = corpora.pool([tess(words=10), ravdess()])
    assert splits.folds(index, "speaker") == 5
    split = splits.make(index, "speaker", fold=2)
    test = split.part("test").groupby("corpus")["speaker"].agg(lambda s: " ".join(sorted(set(s))))
    assert test.to_dict() == {"ravdess": "10 11 12 19 20", "tess": "YAF"}


def test_the_protocol_corpus_tests_a_corpus_over_the_emotions_that_all_have():
    index = corpora.pool([tess(words=16), ravdess()])
    assert splits.folds(index, "corpus") == 2
    split = splits.make(index, "corpus", fold=1)
    assert values(split, "test", "corpus") == {"tess"}
    assert len(split.part("test")) == 2 * 7 * 16
    train, validation = (values(split, role, "speaker") for role in ("train", "validation"))
    assert [len(train), len(validation)] == [21, 3]
    assert not train & validation
    assert set(split.table["emotion"]) == set(TESS_EMOTIONS)  # only RAVDESS has calm


def test_the_protocol_whole_corpus_keeps_emotions_that_two_corpora_have():
    labels = ("happy", "sad", "calm")
    pooled = [
        grid("aesdd", "AB", ("happy", "angry"), "abc"),
        grid("ravdess", "CD", labels, "abc"),
        grid("savee", "EF", ("sad", "happy"), "abc"),
    ]
    split = splits.make(corpora.pool(pooled), "whole-corpus", fold=0)
    assert values(split, "test", "corpus") == {"aesdd"}
    assert values(split, "test", "emotion") == {"happy"}  # nobody else is angry, or calm
    assert values(split, "train", "emotion") == {"happy", "sad"}


def test_the_protocol_corpus_needs_several_that_share_emotions():
    with pytest.raises(SerKerasError, match="is one corpus"):
        splits.make(tess(words=5), "corpus")
    others = grid("own", "ABC", ("bored", "calm"), "abcdefgh")
    with pytest.raises(SerKerasError, match=r"own\+tess: share 0 emotions"):
        splits.make(corpora.pool([tess(words=5), others]), "corpus")


@pytest.mark.parametrize(
    ("column", "protocol"),
    [("speaker", "speaker"), ("text", "text"), ("text", "speaker-text"), ("emotion", "random")],
)
def test_a_protocol_names_the_missing_column(column, protocol):
    index = ravdess()
    index.table.loc[3:5, column] = pd.NA
    with pytest.raises(SerKerasError, match=f"has no {column} .nor have 2 others of 768 clips"):
        splits.make(index, protocol)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("speakers",), "speakers: no such protocol. Did you mean speaker."),
        (("paper",), "needs the draw of a published system. Give draw=recipes.get(NAME).draw."),
        (("speaker", {"fold": 5}), "the protocol speaker has 5 folds and no fold 5"),
        (("paper", {"fold": 1, "draw": ATTENTION}), "the protocol paper has 1 fold and no fold 1"),
    ],
)
def test_a_wrong_choice_is_named(arguments, sentence):
    protocol, options = (*arguments, {})[:2]
    with pytest.raises(SerKerasError) as caught:
        splits.make(ravdess(), protocol, **options)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("index", "protocol", "sentence"),
    [
        (grid("own", "A", ("sad", "happy"), "abcdefgh"), "speaker", "has one speaker"),
        (
            grid("own", "AB", ("sad", "happy"), "a"),
            "text",
            "has 1 text value that most of its emotions share",
        ),
        (grid("own", "AB", ("sad", "happy"), "a"), "random", "happy has 2 clips, 5 are needed"),
        (grid("own", "AB", ("sad", "happy"), "a"), "paper", "is too small for the protocol paper"),
        (index_of("own", []), "random", "has no clips to split"),
    ],
)
def test_a_corpus_that_is_too_small_says_so(index, protocol, sentence):
    with pytest.raises(SerKerasError, match=sentence):
        splits.make(index, protocol, draw=ATTENTION)


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["tess", "ravdess", "savee", "aesdd", "ased"])
@pytest.mark.parametrize("protocol", ["speaker", "text"])
def test_every_fold_of_the_real_corpora_tests_every_emotion(real_corpora, cache, name, protocol):
    index = corpora.get(name).index(real_corpora / name, cache=cache)
    emotions = set(index.clips["emotion"])
    for fold in range(splits.folds(index, protocol)):
        split = splits.make(index, protocol, fold=fold)
        assert all(values(split, role, "emotion") == emotions for role in splits.ROLES)


def test_a_fold_list_holds_the_role_of_each_clip_in_each_fold():
    index = ravdess()
    table = splits.fold_list(index, "speaker-text")
    assert list(table.columns[:5]) == ["clip", "content", "speaker", "emotion", "text"]
    for fold in (0, 9):
        split = splits.make(index, "speaker-text", fold=fold).table.set_index("path")["role"]
        listed = table.set_index("clip")[f"fold_{fold}"].dropna()
        assert listed.to_dict() == split.rename(lambda path: path.removesuffix(".wav")).to_dict()


def test_a_fold_list_has_no_content_of_clips_stored_with_loss():
    table = ravdess().table
    table["path"] = table["path"].str.replace(".wav", ".ogg")
    index = corpora.Index("ravdess", Path("ravdess"), table, [])
    assert splits.fold_list(index, "speaker")["content"].isna().all()
    assert splits.fold_list(ravdess(), "speaker")["content"].notna().all()


@pytest.mark.parametrize(
    ("index", "protocol"),
    [
        (grid("tess", "AB", ("sad", "happy"), "abc"), "paper"),
        (grid("calls", "ABC", ("sad", "happy"), "abc"), "speaker"),
        (grid("calls+tess", "ABC", ("sad", "happy"), "abc"), "speaker"),
        (grid("calls", "AB", ("sad", "happy"), "abc"), "random"),
    ],
)
def test_an_own_corpus_is_tested_on_unseen_speakers_if_it_has_enough(index, protocol):
    assert splits.default(index) == protocol
    if protocol != "paper":
        assert min(splits.make(index, protocol).counts().values()) > 0


def test_an_own_corpus_with_unknown_speakers_is_divided_at_random():
    index = grid("calls", "ABC", ("sad", "happy"), "abc")
    index.table.loc[0, "speaker"] = None
    assert splits.default(index) == "random"
