"""The table of protocols, published groups of speakers, and a protocol added by one row."""

import dataclasses

import pandas as pd
import pytest

from ser_keras import corpora, leakage, splits
from ser_keras.errors import SerKerasError
from ser_keras.pictures.canvas import PALETTE
from ser_keras.splits import Protocol, protocols
from tests.splits.indices import TESS_EMOTIONS, grid, ravdess, tess, values

INDEX_COLUMNS = {"speaker", "text", "take", "intensity", "corpus"}


def takes():
    """Return an index of RAVDESS that also knows its takes and strengths; neutral has one."""
    index = ravdess()
    emotion = index.table["emotion"]
    strength = index.table["path"].str.endswith("1.wav") & (emotion != "neutral")
    table = index.table.assign(
        take=pd.array(range(len(emotion)), dtype="Int16") % 3 + 1,
        intensity=strength.map({True: "strong", False: "normal"}).astype("string"),
    )
    return dataclasses.replace(index, table=table)


@pytest.fixture
def add(monkeypatch):
    """Return a function that adds a row to the table of protocols."""

    def add(**facts):
        row = Protocol(measures="invented", mark=(0, "x"), **facts)
        table = {**protocols.PROTOCOLS, row.name: row}
        monkeypatch.setattr(protocols, "PROTOCOLS", table)

    return add


def test_the_table_is_the_ladder():
    ladder = "paper random text speaker speaker-emobox speaker-text corpus whole-corpus"
    assert list(splits.PROTOCOLS) == ladder.split()
    with pytest.raises(TypeError):
        splits.PROTOCOLS["own"] = splits.PROTOCOLS["paper"]


@pytest.mark.parametrize("rule", splits.PROTOCOLS.values(), ids=lambda rule: rule.name)
def test_a_row_names_columns_kinds_and_a_mark_that_exist(rule):
    assert set(rule.holds_out) <= INDEX_COLUMNS
    assert set(rule.forbids) <= set(leakage.KINDS)
    assert {"speaker", "text"} & set(rule.holds_out) <= set(rule.forbids)
    assert rule.mark[0] < len(PALETTE)
    assert rule.measures


def test_no_two_protocols_have_one_mark():
    marks = [rule.mark for rule in splits.PROTOCOLS.values()]
    assert len(set(marks)) == len(marks)


def test_an_unknown_protocol_is_answered_with_the_nearest():
    with pytest.raises(SerKerasError, match=r"no such protocol\. Did you mean speaker-text"):
        protocols.get("speakertext")


def test_a_protocol_is_added_by_one_row(add):
    add(name="intensity", forbids=("content", "near"), holds_out=("intensity",))
    index = takes()
    strength = index.table.set_index("path")["intensity"]
    assert "intensity" in splits.of_one_corpus("ravdess")
    assert splits.folds(index, "intensity") == 2
    tested = []
    for fold in range(2):
        split = splits.make(index, "intensity", fold=fold)
        sides = {role: set(strength[split.part(role)["path"]]) for role in splits.ROLES}
        assert sides["train"] == sides["validation"] != sides["test"]
        assert not values(split, "train", "speaker") & values(split, "validation", "speaker")
        assert split.forbids == ("content", "near")
        leakage.enforce(leakage.check(split), split)
        tested += sides["test"]
    assert tested == ["normal", "strong"]
    assert list(splits.fold_list(index, "intensity").columns[-2:]) == ["fold_0", "fold_1"]


def test_an_added_protocol_may_hold_out_several_columns(add):
    add(name="own", forbids=("content", "speaker"), holds_out=("speaker", "take"))
    index = takes()
    take = index.table.set_index("path")["take"]
    assert splits.folds(index, "own") == 5 * 3
    tested = []
    for fold in range(15):
        split = splits.make(index, "own", fold=fold)
        sides = {role: set(take[split.part(role)["path"]]) for role in splits.ROLES}
        assert not sides["test"] & (sides["train"] | sides["validation"])
        assert not sides["train"] & sides["validation"]
        leakage.enforce(leakage.check(split), split)
        tested += list(split.part("test")["path"])
    assert sorted(tested) == sorted(index.table["path"])


def test_an_added_protocol_says_which_column_it_misses(add):
    add(name="own", forbids=(), holds_out=("take",))
    index = takes()
    index.table.loc[2:3, "take"] = pd.NA
    with pytest.raises(SerKerasError, match=r"has no take .* another protocol than own"):
        splits.make(index, "own")


def test_a_value_that_tells_the_emotion_is_never_held_out(add):
    add(name="own", forbids=(), holds_out=("intensity",))
    index = takes()
    strong = index.table["emotion"].isin(["angry", "happy"])
    index.table["intensity"] = strong.map({True: "strong", False: "normal"}).astype("string")
    with pytest.raises(SerKerasError, match="has 1 intensity value that most of its emotions"):
        splits.make(index, "own")


@pytest.mark.parametrize("name", ["", "emobox"])
def test_published_groups_hold_each_actor_once(name):
    corpus = corpora.get("ravdess")
    actors = [actor for group in corpus.speaker_folds[name] for actor in group]
    assert sorted(actors) == sorted(corpus.speakers)


def test_the_folds_of_emobox_test_its_six_groups_of_actors():
    index = ravdess()
    groups = corpora.get("ravdess").speaker_folds["emobox"]
    assert splits.folds(index, "speaker-emobox") == len(groups) == 6
    for fold, actors in enumerate(groups):
        split = splits.make(index, "speaker-emobox", fold=fold)
        assert values(split, "test", "speaker") == {*actors}
        assert not values(split, "train", "speaker") & values(split, "validation", "speaker")
        assert split.forbids == splits.make(index, "speaker").forbids


def test_other_corpora_have_no_folds_of_emobox():
    assert "speaker-emobox" in splits.of_one_corpus("ravdess")
    assert splits.of_one_corpus("tess") == ["random", "text", "speaker", "speaker-text"]
    assert splits.of_one_corpus("not-registered") == splits.of_one_corpus("tess")
    problem = r"tess: has no published groups of speakers named emobox\. Choose another protocol"
    with pytest.raises(SerKerasError, match=problem):
        splits.make(tess(words=5), "speaker-emobox")


@pytest.mark.parametrize("corpus", ["demo", "tess", "not-registered"])
def test_speakers_of_no_published_group_are_left_out_one_by_one(corpus):
    index = grid(corpus, ("ADA", "BEN"), TESS_EMOTIONS, "abcdefgh")
    tested = [values(splits.make(index, "speaker", fold=i), "test", "speaker") for i in (0, 1)]
    assert tested == [{"ADA"}, {"BEN"}]
