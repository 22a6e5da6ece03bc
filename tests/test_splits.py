"""Splits: sizes, who is kept from whom, what the seed moves, and what cannot be split."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ser_keras import corpora, files, splits
from ser_keras.errors import SerKerasError

TESS_EMOTIONS = ("angry", "disgust", "fearful", "happy", "neutral", "surprised", "sad")
TESS_FOLDERS = (  # as spelt on disk
    "OAF_angry",
    "OAF_disgust",
    "OAF_Fear",
    "OAF_happy",
    "OAF_neutral",
    "OAF_Pleasant_surprise",
    "OAF_Sad",
    "YAF_angry",
    "YAF_disgust",
    "YAF_fear",
    "YAF_happy",
    "YAF_neutral",
    "YAF_pleasant_surprised",
    "YAF_sad",
)


def index_of(corpus, rows):
    """Return an index of rows (path, speaker, emotion, text), each with a sound of its own."""
    table = pd.DataFrame(rows, columns=["path", "speaker", "emotion", "text"]).astype("string")
    table["corpus"] = pd.array([corpus] * len(table), dtype="string")
    table["content"] = table["path"].map(files.digest).astype("string")
    table["duplicate_of"] = pd.array([pd.NA] * len(table), dtype="string")
    return corpora.Index(corpus, Path(corpus), table.sort_values("path", ignore_index=True), [])


def tess(words=200):
    return index_of(
        "tess",
        [
            (f"{folder}/{folder[:3]}_w{word:03}_{emotion}.wav", folder[:3], emotion, f"w{word:03}")
            for folder, emotion in zip(TESS_FOLDERS, TESS_EMOTIONS * 2, strict=True)
            for word in range(words)
        ],
    )


def grid(corpus, speakers, emotions, texts, takes=1):
    """Return an index in which every speaker says every text in every emotion."""
    return index_of(
        corpus,
        [
            (f"{speaker}/{emotion}-{text}-{take}.wav", speaker, emotion, text)
            for speaker in speakers
            for emotion in emotions
            for text in texts
            for take in range(takes)
        ],
    )


def ravdess():
    emotions = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    speakers = [f"{actor:02}" for actor in range(1, 25)]
    return grid("ravdess", speakers, emotions, ("kids", "dogs"), takes=2)


def ased_like():
    """Sentences 01 to 05 belong to an emotion each, 06 and 07 to all; twelve voices."""
    emotions = ("neutral", "fearful", "happy", "sad", "angry")
    rows = []
    for speaker in range(12):
        for i, emotion in enumerate(emotions, 1):
            for text in (f"0{i}", "06", "07"):
                rows.append((f"{emotion}/{text}-{speaker:02}.wav", f"{speaker:02}", emotion, text))
    return index_of("ased", rows)


def values(split, role, column):
    return set(split.part(role)[column])


def test_the_published_tess_split_takes_40_clips_of_each_folder():
    split = splits.make(tess(), "paper")
    assert split.counts() == {"train": 1960, "validation": 280, "test": 560}
    folders = split.part("test")["path"].str.split("/").str[0].value_counts()
    assert folders.to_dict() == dict.fromkeys(TESS_FOLDERS, 40)
    assert split.forbids == ("content",)


def test_a_folder_that_lacks_some_clips_still_gives_40():
    index = tess()
    index = dataclasses.replace(
        index, table=index.table[index.table["path"] != "OAF_Fear/OAF_w007_fearful.wav"]
    )
    split = splits.make(index, "paper")
    assert split.counts() == {"train": 1959, "validation": 280, "test": 560}


def test_a_small_corpus_gives_a_fifth_of_each_folder_to_the_published_split():
    split = splits.make(tess(words=10), "paper")
    assert split.counts() == {"train": 98, "validation": 14, "test": 28}


def test_the_seed_moves_the_published_test_side_and_nothing_else_does():
    first, again, other = (splits.make(tess(), "paper", seed=seed) for seed in (0, 0, 1))
    assert first.hash == again.hash
    assert values(first, "test", "path") != values(other, "test", "path")
    shuffled = dataclasses.replace(tess(), table=tess().table.sample(frac=1, random_state=0))
    assert splits.make(shuffled, "paper").hash == first.hash


def test_the_draw_of_mean_mfcc_lstm_has_its_published_counts():
    split = splits.make(tess(), "paper", paper="mean-mfcc-lstm")
    assert split.counts() == {"train": 2023, "validation": 357, "test": 420}
    counts = split.part("test")["emotion"].value_counts()
    assert [counts[emotion] for emotion in TESS_EMOTIONS] == [60, 54, 61, 57, 61, 63, 64]


@pytest.mark.parametrize(
    ("paper", "expected"),
    [
        ("acnt-ravdess", (614, 123, 31)),
        ("mel-cnn-aesdd", (537, 77, 154)),
        ("adafnn-transformer", (614, 77, 77)),
    ],
)
def test_the_other_published_draws_have_their_proportions(paper, expected):
    counts = splits.make(ravdess(), "paper", paper=paper).counts()
    assert tuple(counts.values()) == expected


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


def test_across_the_voices_of_tess_validation_has_words_of_its_own():
    split = splits.make(tess(), "speaker")
    assert splits.folds(tess(), "speaker") == 2
    assert values(split, "train", "speaker") == values(split, "validation", "speaker") == {"OAF"}
    assert values(split, "test", "speaker") == {"YAF"}
    assert not values(split, "train", "text") & values(split, "validation", "text")
    assert split.counts() == {"train": 1225, "validation": 175, "test": 1400}
    assert values(splits.make(tess(), "speaker", fold=1), "test", "speaker") == {"OAF"}


def test_one_training_voice_without_texts_validates_on_clips_of_each_emotion():
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
    index = grid("ravdess", ("Actor_01", "Actor_02", "Actor_04"), TESS_EMOTIONS, ("kids", "dogs"))
    assert splits.folds(index, "speaker") == 2
    assert values(splits.make(index, "speaker"), "test", "speaker") == {"Actor_02"}


def test_a_few_voices_are_left_out_one_by_one():
    index = grid("savee", ("DC", "JE", "JK", "KL"), TESS_EMOTIONS, ("01", "02", "03"))
    tested = [values(splits.make(index, "speaker", fold=i), "test", "speaker") for i in range(4)]
    assert tested == [{"DC"}, {"JE"}, {"JK"}, {"KL"}]


def test_many_voices_are_tested_in_five_groups():
    index = ased_like()
    tested = [values(splits.make(index, "speaker", fold=i), "test", "speaker") for i in range(5)]
    assert splits.folds(index, "speaker") == 5
    assert tested[:2] == [{"00", "09", "10"}, {"01", "08", "11"}]
    assert sorted(set.union(*tested)) == sorted(set(index.table["speaker"]))
    assert sum(map(len, tested)) == 12


def test_groups_of_voices_are_of_a_size_though_voices_are_not():
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


def test_two_sentences_make_two_folds_and_validation_has_voices_of_its_own():
    split = splits.make(ravdess(), "text", fold=1)
    assert splits.folds(ravdess(), "text") == 2
    assert values(split, "test", "text") == {"kids"}
    assert values(split, "train", "text") == values(split, "validation", "text") == {"dogs"}
    assert len(values(split, "validation", "speaker")) == 3
    assert not values(split, "train", "speaker") & values(split, "validation", "speaker")


def test_sentences_that_tell_the_emotion_are_never_held_out():
    index = ased_like()
    assert splits.folds(index, "text") == 2
    for fold in range(2):
        split = splits.make(index, "text", fold=fold)
        assert len(values(split, "test", "text")) == 1
        assert values(split, "test", "text") < {"06", "07"}
        assert values(split, "train", "text") > {"01", "02", "03", "04", "05"}


def test_speaker_text_tests_unseen_voices_saying_unseen_words():
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


def test_speaker_text_keeps_validation_apart_in_voices_and_texts_where_there_are_several():
    index = grid("aesdd", "123456", TESS_EMOTIONS, [f"{i:02}" for i in range(20)])
    split = splits.make(index, "speaker-text", fold=7)
    sides = [{c: values(split, role, c) for c in ("speaker", "text")} for role in splits.ROLES]
    for column, sizes in (("speaker", [3, 2, 1]), ("text", [12, 4, 4])):
        assert [len(side[column]) for side in sides] == sizes
        assert len(set.union(*(side[column] for side in sides))) == sum(sizes)


def test_the_seed_moves_validation_but_not_the_test_voices():
    first, other = (splits.make(ravdess(), "speaker", seed=seed) for seed in (0, 1))
    assert values(first, "test", "path") == values(other, "test", "path")
    assert values(first, "validation", "speaker") != values(other, "validation", "speaker")


@pytest.mark.parametrize("protocol", [p for p in splits.PROTOCOLS if p != "corpus"])
def test_duplicates_never_enter_and_no_sound_is_on_two_sides(protocol):
    index = ravdess()
    copy = index.table.iloc[[5]].assign(path="24/zz.wav", duplicate_of=index.table["path"][5])
    index = dataclasses.replace(index, table=pd.concat([index.table, copy], ignore_index=True))
    split = splits.make(index, protocol)
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
    heard = {role: values(split, role, "speaker") for role in ("train", "validation")}
    assert [len(heard["train"]), len(heard["validation"])] == [21, 3]
    assert not heard["train"] & heard["validation"]
    assert set(split.table["emotion"]) == set(TESS_EMOTIONS)  # calm is of RAVDESS alone


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
def test_a_protocol_names_the_column_that_it_misses(column, protocol):
    index = ravdess()
    index.table.loc[3:5, column] = pd.NA
    with pytest.raises(SerKerasError, match=f"has no {column} .nor have 2 others of 768 clips"):
        splits.make(index, protocol)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("speakers",), "speakers: is not a protocol. Did you mean speaker."),
        (("paper", {"paper": "atention-tess"}), "is not a paper. Did you mean attention-tess."),
        (("speaker", {"fold": 5}), "the protocol speaker has 5 folds, not a 5"),
        (("paper", {"fold": 1}), "the protocol paper has 1 fold, not a 1"),
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
        (grid("own", "AB", ("sad", "happy"), "a"), "text", "has 1 texts that are spoken in most"),
        (grid("own", "AB", ("sad", "happy"), "a"), "random", "the rarest emotion has 2 clips"),
        (grid("own", "AB", ("sad", "happy"), "a"), "paper", "is too small for the protocol paper"),
        (index_of("own", []), "random", "has no clips to split"),
    ],
)
def test_a_corpus_that_is_too_small_says_so(index, protocol, sentence):
    with pytest.raises(SerKerasError, match=sentence):
        splits.make(index, protocol)


def test_a_split_is_read_back_as_it_was_written(tmp_path):
    index = ravdess()
    index.table.loc[0, "text"] = pd.NA
    split = splits.make(index, "speaker", fold=3)
    split.write(tmp_path / "split.csv")
    header = (tmp_path / "split.csv").read_text().splitlines()[0]
    again = splits.Split.read(tmp_path / "split.csv", index, protocol="speaker", fold=3)
    assert header == "path,speaker,emotion,text,role"
    assert again.hash == split.hash
    assert again.forbids == split.forbids
    pd.testing.assert_frame_equal(again.table, split.table)


def test_a_split_without_its_index_knows_its_clips_but_not_their_sounds(tmp_path):
    split = splits.make(ravdess(), "speaker")
    split.write(tmp_path / "split.csv")
    alone = splits.Split.read(tmp_path / "split.csv")
    assert alone.counts() == split.counts()
    assert alone.corpus is None
    with pytest.raises(SerKerasError, match="known by name alone"):
        _ = alone.hash


def test_a_word_that_looks_like_a_missing_value_survives(tmp_path):
    index = grid("own", ("nan", "NA"), ("sad", "happy"), ("null", "none", "n/a", "a", "b"))
    split = splits.make(index, "random")
    split.write(tmp_path / "split.csv")
    assert splits.Split.read(tmp_path / "split.csv", index).hash == split.hash


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path,role\na,test\n", "has no column speaker, emotion, text"),
        ("path,speaker,emotion,text,role\na,,,,dev\n", "has a row without a role"),
        ("path,speaker,emotion,text,role\na,,,,\n", "has a row without a role"),
        ("path,speaker,emotion,text,role\na,,,,test\na,,,,train\n", "names a clip twice"),
        ("path,speaker,emotion,text,role\na,,,,test\n", "1 clips are not in ravdess: a"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path, text, sentence):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(SerKerasError, match=sentence):
        splits.Split.read(tmp_path / "split.csv", ravdess())


def test_the_hash_names_the_roles_not_the_file_names():
    split = splits.make(ravdess(), "speaker")
    moved = ravdess()
    moved.table["path"] = "elsewhere/" + moved.table["path"]
    assert splits.make(moved, "speaker").hash == split.hash
    assert splits.make(ravdess(), "speaker", fold=1).hash != split.hash
    assert len(split.hash) == 16


@pytest.fixture
def recordings(tmp_path):
    """Return a split of a small tree that is on disk, and its index."""
    index = dataclasses.replace(tess(words=5), root=tmp_path / "tess")
    split = splits.make(index, "paper")
    for path in split.table["path"]:
        target = tmp_path / "tess" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.encode())
    return split, index


def test_the_test_clips_are_laid_out_by_folder_and_nothing_is_moved(recordings, tmp_path):
    split, index = recordings
    laid = splits.lay_out(split, index, tmp_path / "Test")
    found = {p.relative_to(laid).as_posix(): p.read_text() for p in laid.rglob("*.wav")}
    assert found == {path: path for path in split.part("test")["path"]}
    assert len(list(index.root.rglob("*.wav"))) == 70


def test_a_flat_corpus_is_laid_out_below_the_name_of_its_own_folder(tmp_path):
    index = grid("own", "AB", ("sad", "happy"), "abcde")
    index.table["path"] = index.table["path"].str.replace("/", "-")
    index = dataclasses.replace(index, root=tmp_path / "mine")
    index.root.mkdir()
    for path in index.table["path"]:
        (index.root / path).touch()
    split = splits.make(index, "random")
    laid = splits.lay_out(split, index, tmp_path / "Test")
    assert {p.name for p in (laid / "mine").iterdir()} == values(split, "test", "path")


def test_a_test_folder_appears_whole_or_not_at_all(recordings, tmp_path):
    split, index = recordings
    index.locate(split.part("test")["path"].iloc[-1]).unlink()
    with pytest.raises(SerKerasError, match="is no longer there"):
        splits.lay_out(split, index, tmp_path / "Test")
    assert [p.name for p in tmp_path.iterdir()] == ["tess"]


def test_a_test_folder_that_exists_is_left_alone(recordings, tmp_path):
    split, index = recordings
    (tmp_path / "Test").mkdir()
    with pytest.raises(SerKerasError, match="exists already"):
        splits.lay_out(split, index, tmp_path / "Test")
    assert list((tmp_path / "Test").iterdir()) == []


def test_every_protocol_says_what_it_measures():
    speaker = ("speaker", "speaker-emobox")
    assert list(splits.PROTOCOLS) == ["paper", "random", *speaker, "text", "speaker-text", "corpus"]
    assert splits.summary("speaker") == "tested on voices that nothing was learned from"


@pytest.mark.parametrize("folds", [splits._RAVDESS_FOLDS, splits._EMOBOX_FOLDS])
def test_the_published_folds_hold_each_actor_once(folds):
    actors = " ".join(folds).split()
    assert sorted(map(int, actors)) == np.arange(1, 25).tolist()


def test_the_folds_of_emobox_test_its_six_groups_of_actors():
    index = ravdess()
    assert splits.folds(index, "speaker-emobox") == 6
    for fold, actors in enumerate(splits._EMOBOX_FOLDS):
        split = splits.make(index, "speaker-emobox", fold=fold)
        assert {str(int(actor)) for actor in values(split, "test", "speaker")} == {*actors.split()}
        assert not values(split, "train", "speaker") & values(split, "validation", "speaker")
        assert split.forbids == splits.make(index, "speaker").forbids


def test_other_corpora_have_no_folds_of_emobox():
    assert "speaker-emobox" in splits.of_one_corpus("ravdess")
    assert splits.of_one_corpus("tess") == ["random", "speaker", "text", "speaker-text"]
    with pytest.raises(
        SerKerasError, match=r"tess: has no folds of EmoBox's .*the protocol speaker"
    ):
        splits.make(tess(words=5), "speaker-emobox")


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "paper", "expected"),
    [
        ("tess", "attention-tess", (1960, 280, 560)),
        ("tess", "mean-mfcc-lstm", (2023, 357, 420)),
        ("ravdess", "acnt-ravdess", (1151, 230, 58)),  # of 1,439 sounds: one is there twice
        ("aesdd", "mel-cnn-aesdd", (422, 61, 121)),
    ],
)
def test_the_real_corpora_give_the_published_counts(real_corpora, cache, name, paper, expected):
    index = corpora.get(name).index(real_corpora / name, cache=cache)
    split = splits.make(index, "paper", paper=paper)
    assert tuple(split.counts().values()) == expected


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["tess", "ravdess", "savee", "aesdd", "ased"])
@pytest.mark.parametrize("protocol", ["speaker", "text"])
def test_every_fold_of_the_real_corpora_tests_every_emotion(real_corpora, cache, name, protocol):
    index = corpora.get(name).index(real_corpora / name, cache=cache)
    emotions = set(index.clips["emotion"])
    for fold in range(splits.folds(index, protocol)):
        split = splits.make(index, protocol, fold=fold)
        assert all(values(split, role, "emotion") == emotions for role in splits.ROLES)


LISTS = sorted((files.DATA / "splits").glob("*/*.csv"))


def test_a_fold_list_tells_the_role_of_each_clip_in_each_fold():
    index = ravdess()
    table = splits.fold_list(index, "speaker-text")
    assert list(table.columns[:5]) == ["clip", "content", "speaker", "emotion", "text"]
    for fold in (0, 9):
        split = splits.make(index, "speaker-text", fold=fold).table.set_index("path")["role"]
        told = table.set_index("clip")[f"fold_{fold}"].dropna()
        assert told.to_dict() == split.rename(lambda path: path.removesuffix(".wav")).to_dict()


def test_sounds_that_were_encoded_again_are_known_by_name_alone():
    table = ravdess().table
    table["path"] = table["path"].str.replace(".wav", ".ogg")
    index = corpora.Index("ravdess", Path("ravdess"), table, [])
    assert splits.fold_list(index, "speaker")["content"].isna().all()
    assert splits.fold_list(ravdess(), "speaker")["content"].notna().all()


@pytest.mark.parametrize("path", LISTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_published_lists_keep_apart_what_their_protocol_says(path):
    table = pd.read_csv(path, dtype="string")
    apart = [column for column in ("speaker", "text") if column in path.stem.split("-")]
    for fold in (column for column in table.columns if column.startswith("fold_")):
        assert set(table[fold].dropna()) == set(splits.ROLES)
        test, rest = table[table[fold] == "test"], table[table[fold].isin(["train", "validation"])]
        for column in apart:
            assert not set(test[column]) & set(rest[column])


@pytest.mark.corpora
@pytest.mark.parametrize("path", LISTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_published_lists_are_what_the_protocols_draw(path, real_corpora, cache, tmp_path):
    from ser_keras.cli import splits as cli

    name = path.parent.name
    index = corpora.get(name).index(real_corpora / name, cache=cache)
    part, protocol, paper = cli._wanted(index)[path.stem]
    files.write_csv(tmp_path / "again.csv", splits.fold_list(part, protocol, paper=paper))
    assert (tmp_path / "again.csv").read_text() == path.read_text()
