"""One battery over all loaders, on the tiny trees of `trees.py`."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import unicodedata

import pandas as pd
import pytest

from ser_keras import corpora
from ser_keras.errors import SerKerasError
from tests.corpora import trees
from tests.corpora.trees import TREES, Tone, write

COLUMNS = {
    "path": "string",
    "corpus": "string",
    "speaker": "string",
    "emotion": "string",
    "text": "string",
    "take": "Int16",
    "intensity": "string",
    "duration": "float32",
    "sample_rate": "Int32",
    "channels": "Int16",
    "content": "string",
    "duplicate_of": "string",
}
NAMED = [name for name in corpora.names() if name != "folder"]
KNOWN_BY_NAME = ("tess", "demo", "ravdess", "savee")


@pytest.fixture(params=TREES, ids=[f"{tree.corpus}-{i}" for i, tree in enumerate(TREES)])
def tree(request):
    return request.param


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def rows_of(table):
    columns = ["path", "speaker", "emotion", "text", "take", "intensity", "duplicate_of"]
    plain = table[columns].astype(object).where(table[columns].notna(), None)
    return {path: tuple(row) for path, *row in plain.itertuples(index=False)}


def index(name, root, cache):
    return corpora.get(name).index(root, cache, jobs=1)


def validate(name, root, cache):
    return corpora.get(name).validate(root, cache, jobs=1)


def sentence_of(raised):
    return str(raised.value)


class TestEveryLoader:
    def test_the_index_holds_exactly_its_clips(self, tree, tmp_path, cache):
        root = write(tmp_path / "corpus", tree.files)

        result = index(tree.corpus, root, cache)

        assert rows_of(result.table) == tree.rows
        assert list(result.table["path"]) == sorted(tree.rows)
        assert set(result.table["corpus"]) == {tree.corpus}
        assert (result.corpus, result.root) == (tree.corpus, root)
        assert result.synthetic == (tree.corpus == "demo")

    def test_each_file_that_is_left_out_has_its_reason(self, tree, tmp_path, cache):
        root = write(tmp_path / "corpus", tree.files)

        result = index(tree.corpus, root, cache)

        assert {file.path: file.reason for file in result.skipped} == tree.skipped
        assert [file.path for file in result.skipped] == sorted(tree.skipped)

    def test_the_columns_have_their_types_and_the_facts_of_the_sound(self, tree, tmp_path, cache):
        root = write(tmp_path / "corpus", tree.files)

        table = index(tree.corpus, root, cache).table

        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == COLUMNS
        for clip in table.itertuples():
            tone = tree.files[clip.path]
            assert (clip.sample_rate, clip.channels) == (tone.sample_rate, tone.channels)
            assert clip.duration == pytest.approx(0.1, abs=0.06)  # MP3 is padded
            assert len(clip.content) == 16

    def test_the_clips_are_the_table_without_duplicates(self, tree, tmp_path, cache):
        root = write(tmp_path / "corpus", tree.files)

        clips = index(tree.corpus, root, cache).clips

        assert list(clips["path"]) == [
            path for path, row in sorted(tree.rows.items()) if not row[-1]
        ]
        assert list(clips.index) == list(range(len(clips)))
        assert clips["content"].is_unique

    def test_no_other_corpus_takes_the_names_of_the_tree(self, tree):
        for name in set(NAMED) - {tree.corpus}:
            parse = corpora.get(name).parse
            assert not [path for path in tree.rows if parse(path)], name

    def test_a_clip_that_lies_too_deep_is_not_found(self, tree, tmp_path):
        deep = tmp_path.joinpath("root", *"abcdefghij")
        write(deep, tree.files)

        corpus = corpora.get(tree.corpus)

        assert corpus.find(tmp_path / "root") is None


@pytest.mark.parametrize("name", NAMED)
class TestEveryFolder:
    def tree_of(self, name):
        return next(tree for tree in TREES if tree.corpus == name)

    def test_it_is_found_from_any_folder_above(self, name, tmp_path):
        own = write(tmp_path / "data" / "downloads" / "My Corpus", self.tree_of(name).files)

        assert corpora.get(name).find(tmp_path / "data") == own
        assert corpora.get(name).find(own) == own
        assert corpora.get(name).find(str(own)) == own

    def test_it_is_found_among_all_the_others(self, name, tmp_path):
        for other in TREES:
            write(tmp_path / f"{other.corpus} files", other.files)

        assert corpora.get(name).find(tmp_path) == tmp_path / f"{name} files"

    def test_a_folder_without_it_says_how_its_files_are_named(self, name, tmp_path, cache):
        write(tmp_path / "music", {"song.wav": Tone(440)})
        corpus = corpora.get(name)

        with pytest.raises(SerKerasError) as raised:
            corpus.index(tmp_path / "music", cache)

        assert corpus.find(tmp_path / "music") is None
        assert sentence_of(raised) == (
            f"{tmp_path / 'music'}: holds no clips of {corpus.title}. "
            f"Its files are named {corpus.naming}: {corpus.home}."
        )

    def test_a_folder_that_is_not_there_is_an_error(self, name, tmp_path, cache):
        corpus = corpora.get(name)

        with pytest.raises(
            SerKerasError, match=re.escape("nowhere: does not exist. Name the folder of")
        ):
            corpus.index(tmp_path / "nowhere", cache)
        assert corpus.find(tmp_path / "nowhere") is None

    def test_a_corpus_of_broken_files_is_an_error(self, name, tmp_path, cache):
        write(tmp_path / "corpus", dict.fromkeys(self.tree_of(name).rows, b"noise"))
        title = corpora.get(name).title

        with pytest.raises(SerKerasError) as raised:
            index(name, tmp_path / "corpus", cache)

        assert f"{len(self.tree_of(name).rows)} clips of {title}, none" in sentence_of(raised)

    def test_its_expected_counts_add_up(self, name):
        corpus = corpora.get(name)
        expected = corpus.expected

        assert sum(expected["emotion"].values()) == expected["clips"]
        assert set(expected["emotion"]) == set(corpus.emotions)
        if name != "crema-d":  # how many clips each actor has is not documented
            assert sum(expected["speaker"].values()) == expected["clips"]
            assert set(expected["speaker"]) == set(corpus.speakers)

    def test_it_names_its_licence_source_and_home(self, name):
        corpus = corpora.get(name)

        for fact in (corpus.title, corpus.licence, corpus.source, corpus.home, corpus.naming):
            assert fact
            assert "\n" not in fact
            assert not fact.endswith(".")


@pytest.mark.parametrize("name", KNOWN_BY_NAME)
def test_a_corpus_with_known_names_is_as_large_as_expected(name):
    corpus = corpora.get(name)
    clips = corpus.complete()

    assert len(set(clips.values())) == len(clips) == corpus.expected["clips"]
    for column in ("speaker", "emotion"):
        result = pd.Series([getattr(clip, column) for clip in clips.values()]).value_counts()
        assert result.to_dict() == corpus.expected[column]
    assert all(corpus.parse(f"{stem}.wav") == clip for stem, clip in clips.items())


class TestWhereTheCorpusLies:
    def test_the_outer_of_two_nested_copies_is_the_corpus(self, tmp_path):
        clip = {"OAF_Sad/OAF_back_sad.wav": Tone(440)}
        write(tmp_path / "data" / trees.INNER_TESS, clip)
        write(tmp_path / "data" / trees.INNER_TESS / trees.INNER_TESS, clip)

        assert corpora.get("tess").find(tmp_path) == tmp_path / "data" / trees.INNER_TESS

    def test_the_folder_with_second_copies_is_the_one_of_the_usual_download(self):
        assert corpora.get("tess").nested == trees.INNER_TESS
        nested = f"{corpora.get('ravdess').nested}/"
        assert any(path.startswith(nested) for path in trees.RAVDESS.rows)

    def test_a_stray_clip_above_does_not_draw_other_corpora_in(self, tmp_path):
        write(tmp_path, {"OAF_back_sad.wav": Tone(440)})
        write(tmp_path / "tess", trees.TESS.files)
        write(tmp_path / "demo", trees.DEMO.files)

        assert corpora.get("tess").find(tmp_path) == tmp_path / "tess"

    def test_parts_side_by_side_are_one_corpus(self, tmp_path, cache):
        write(tmp_path / "tess" / "train", {"OAF_Sad/OAF_back_sad.wav": Tone(440)})
        write(tmp_path / "tess" / "test", {"OAF_Sad/OAF_bar_sad.wav": Tone(450)})

        result = index("tess", tmp_path, cache)

        assert result.root == tmp_path / "tess"
        assert list(result.table["path"]) == [
            "test/OAF_Sad/OAF_bar_sad.wav",
            "train/OAF_Sad/OAF_back_sad.wav",
        ]

    def test_a_part_of_a_corpus_has_the_paths_of_the_whole(self, tmp_path, cache):
        write(tmp_path / "RAVDESS", {"Actor_05/03-01-01-01-01-01-05.wav": Tone(440)})

        result = index("ravdess", tmp_path, cache)

        assert list(result.table["path"]) == ["Actor_05/03-01-01-01-01-01-05.wav"]

    def test_the_folder_of_one_emotion_can_be_read_by_itself(self, tmp_path, cache):
        write(tmp_path / "RAVDESS", {"Actor_05/03-01-01-01-01-01-05.wav": Tone(440)})

        result = index("ravdess", tmp_path / "RAVDESS" / "Actor_05", cache)

        assert list(result.table["path"]) == ["03-01-01-01-01-01-05.wav"]

    def test_links_to_folders_are_followed_once_and_loops_end(self, tmp_path, cache):
        store = write(tmp_path / "store", {"OAF_Sad/OAF_back_sad.wav": Tone(440)})
        own = tmp_path / "data" / "TESS"
        own.mkdir(parents=True)
        os.symlink(store / "OAF_Sad", own / "OAF_Sad")
        os.symlink(store, own / "again")
        os.symlink(own, own / "loop")
        os.symlink(store, store / "loop")
        os.symlink(tmp_path / "gone", own / "YAF_Sad")

        result = index("tess", tmp_path / "data", cache)

        assert list(result.table["path"]) == ["OAF_Sad/OAF_back_sad.wav"]
        assert [str(file) for file in result.skipped] == ["YAF_Sad: is a link that leads nowhere."]

    def test_a_linked_clip_that_does_not_exist_is_reported(self, tmp_path, cache):
        root = write(tmp_path / "tess", {"OAF_back_sad.wav": Tone(440)})
        os.symlink(tmp_path / "gone.wav", root / "OAF_bar_sad.wav")

        result = index("tess", root, cache)

        assert [str(file) for file in result.skipped] == ["OAF_bar_sad.wav: does not exist."]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_a_name_that_is_not_unicode_is_reported(self, tmp_path, cache):
        root = write(tmp_path / "tess", {"OAF_back_sad.wav": Tone(440)})
        shutil.copy(root / "OAF_back_sad.wav", os.fsencode(root) + b"/OAF_b\xe4r_sad.wav")

        result = index("tess", root, cache)

        assert [file.reason for file in result.skipped] == ["its name is not Unicode"]
        assert result.skipped[0].path.isascii()

    def test_a_file_in_place_of_a_folder_is_an_error(self, tmp_path, cache):
        write(tmp_path, {"OAF_back_sad.wav": Tone(440)})

        with pytest.raises(
            SerKerasError, match=re.escape("OAF_back_sad.wav: is not a folder. Name the")
        ):
            index("tess", tmp_path / "OAF_back_sad.wav", cache)


class TestValidation:
    @pytest.fixture(autouse=True)
    def small_tess(self, monkeypatch):
        """TESS with two words and two emotions: eight clips."""
        tess = corpora.get("tess")
        clips = {
            name: clip
            for name, clip in tess.complete().items()
            if clip.text in ("back", "bar") and clip.emotion in ("sad", "angry")
        }
        small = dataclasses.replace(
            tess,
            complete=lambda: clips,
            expected={
                "clips": 8,
                "speaker": {"OAF": 4, "YAF": 4},
                "emotion": {"angry": 4, "sad": 4},
            },
        )
        monkeypatch.setattr(sys.modules["ser_keras.corpora.tess"], "CORPUS", small)
        return small

    def whole(self):
        names = corpora.get("tess").complete()
        return {f"{name}.wav": Tone(300 + 10 * i) for i, name in enumerate(names)}

    def test_a_complete_corpus_is_one_sentence(self, tmp_path, cache):
        root = write(tmp_path / "tess", self.whole())

        result = validate("tess", root, cache)

        assert result.complete
        assert result.found == result.expected
        assert result.sentences() == ["8 of 8 clips found."]

    def test_a_missing_clip_is_named(self, tmp_path, cache):
        root = write(tmp_path / "tess", self.whole())
        (root / "OAF_bar_sad.wav").unlink()
        (root / "YAF_back_sad.wav").unlink()

        result = validate("tess", root, cache)

        assert not result.complete
        assert result.missing == ("OAF_bar_sad", "YAF_back_sad")
        assert result.found["emotion"] == {"angry": 4, "sad": 2}
        assert result.sentences() == ["6 of 8 clips found; missing: OAF_bar_sad, YAF_back_sad."]

    def test_a_long_list_is_cut_after_five(self, tmp_path, cache):
        root = write(tmp_path / "tess", {"YAF_bar_sad.wav": Tone(440)})

        assert validate("tess", root, cache).sentences() == [
            "1 of 8 clips found; missing: OAF_back_angry, OAF_back_sad, OAF_bar_angry, "
            "OAF_bar_sad, YAF_back_angry and 2 more."
        ]

    def test_each_problem_has_its_sentence(self, tmp_path, cache):
        files = self.whole() | {
            "OAF_bar_sad.wav": b"",
            "copies/OAF_bar_angry.flac": self.whole()["OAF_bar_angry.wav"],
            "copies/YAF_back_sad.wav": self.whole()["OAF_back_angry.wav"],
            "OAF_Fear/OAF_bean_fear.wav": Tone(600),
            "OAF_happy/OAF_bean_sad.wav": Tone(610),
            "OAF_happy/bean_happy.wav": Tone(620),
        }
        del files["YAF_back_sad.wav"]
        root = write(tmp_path / "tess", files)

        result = validate("tess", root, cache)

        assert not result.complete
        assert result.missing == ()
        assert result.contradicting == ("copies/YAF_back_sad.wav",)
        assert result.sentences() == [
            "7 of 8 clips found; emotion sad 3 of 4, speaker OAF 3 of 4.",
            "2 files are not part of the complete corpus: OAF_Fear/OAF_bean_fear.wav, "
            "OAF_happy/OAF_bean_sad.wav.",
            "1 file is in a folder named after another emotion: OAF_happy/OAF_bean_sad.wav.",
            "1 file is not named like a clip of the corpus: OAF_happy/bean_happy.wav.",
            "1 file is unreadable: OAF_bar_sad.wav: is empty.",
            "2 files are the same as another by sound, recording or name: "
            "copies/OAF_bar_angry.flac (as OAF_bar_angry.wav), "
            "copies/YAF_back_sad.wav (as OAF_back_angry.wav).",
            "1 duplicate is under another emotion than the first copy: copies/YAF_back_sad.wav.",
        ]

    def test_a_corpus_known_by_count_says_where_the_counts_differ(self, tmp_path, cache):
        root = write(tmp_path / "aesdd", trees.AESDD.files)

        result = validate("aesdd", root, cache)

        assert not result.complete
        assert result.missing == result.surplus == ()
        assert result.sentences()[0] == (
            "7 of 604 clips found; emotion angry 3 of 121, emotion disgust 1 of 122, "
            "emotion fearful 1 of 120, emotion happy 0 of 119, emotion sad 2 of 122 and 6 more."
        )

    def test_a_users_own_folder_has_no_expected_counts(self, tmp_path, cache):
        root = write(tmp_path / "mine", trees.FOLDER.files)

        result = validate("folder", root, cache)

        assert result.complete
        assert result.found == {
            "clips": 5,
            "speaker": {"anna": 3, "ben": 2},
            "emotion": {"angry": 3, "happy": 2},
        }
        assert result.contradicting == ("whispered/anna_03.wav",)
        assert result.sentences()[0] == "5 clips found."

    def test_synthetic_clips_are_called_synthetic(self, tmp_path, cache):
        root = write(tmp_path / "demo", trees.DEMO.files)

        assert (
            validate("demo", root, cache)
            .sentences()[0]
            .startswith("3 of 392 synthetic clips found; missing: ADA_bath_disgust, ")
        )
        assert index("demo", root, cache).sentences()[0] == "3 synthetic clips of demo found."


def test_the_sentences_of_an_index_name_what_it_holds_and_what_it_left_out(tmp_path, cache):
    result = index("ravdess", write(tmp_path / "ravdess", trees.RAVDESS.files), cache)

    first, copies, skipped = result.sentences()

    assert first == "4 clips of ravdess found."
    assert copies.startswith(
        "3 files are the same as another by sound, recording or name: "
        "Actor_07/03-01-03-01-02-02-07.wav (as Actor_07/03-01-03-01-02-01-07.wav), audio_speech"
    )
    assert skipped.startswith(
        "4 files are left out: Actor_01/01-01-01-01-01-01-01.wav: is not named "
    )


class TestAUsersOwnFolder:
    def table(self, root, cache):
        return rows_of(index("folder", root, cache).table)

    def speakers(self, root, cache):
        return {path: row[0] for path, row in self.table(root, cache).items()}

    def test_one_class_is_an_error_that_says_what_to_do(self, tmp_path, cache):
        root = write(tmp_path / "mine", {"happy/1.wav": Tone(440), "Happiness/2.wav": Tone(450)})

        with pytest.raises(SerKerasError) as raised:
            index("folder", root, cache)

        assert sentence_of(raised) == (
            f"{root}: has one class only (happy). Give each emotion a folder of its own in it, "
            "or list the clips in labels.csv."
        )

    def test_clips_without_folders_are_an_error(self, tmp_path, cache):
        root = write(tmp_path / "mine", {"1.wav": Tone(440), "2.wav": Tone(450)})

        with pytest.raises(
            SerKerasError, match=re.escape("mine: has no labelled clips. Give each emotion")
        ):
            index("folder", root, cache)

    def test_an_empty_folder_is_an_error(self, tmp_path, cache):
        (tmp_path / "mine").mkdir()

        with pytest.raises(
            SerKerasError, match=re.escape("mine: holds no clips of your own corpus. Its")
        ):
            index("folder", tmp_path / "mine", cache)

    @pytest.mark.parametrize(
        "names",
        [
            ["sad/001_a.wav", "sad/002_a.wav", "happy/001_a.wav", "happy/002_a.wav"],  # counters
            ["sad/rec_1.wav", "sad/rec_2.wav", "happy/rec_1.wav"],  # one prefix
            ["sad/sad_1.wav", "sad/sad_2.wav", "happy/happy_1.wav"],  # the label again
            ["sad/anna_1.wav", "sad/anna_2.wav", "sad/ben_1.wav", "happy/ben_1.wav"],  # one recurs
            ["sad/a_1.wav", "sad/a_2.wav", "sad/b_1.wav", "happy/a_1.wav", "happy/b.wav"],
        ],
    )
    def test_a_prefix_that_may_not_be_a_speaker_is_ignored(self, names, tmp_path, cache):
        root = write(tmp_path / "mine", {name: Tone(300 + 10 * i) for i, name in enumerate(names)})

        assert set(self.speakers(root, cache).values()) == {None}

    def test_a_prefix_that_recurs_is_the_speaker(self, tmp_path, cache):
        names = ["sad/a_1.wav", "sad/a_2.wav", "sad/b_1.wav", "happy/a_1.wav", "happy/b_1.wav"]
        root = write(tmp_path / "mine", {name: Tone(300 + 10 * i) for i, name in enumerate(names)})

        assert self.speakers(root, cache) == dict(
            zip(sorted(names), ["a", "b", "a", "a", "b"], strict=True)
        )

    def test_a_folder_whose_name_contains_an_emotion_is_another_label(self, tmp_path, cache):
        names = ["angry", "not_angry", "non neutral", "female_happy", "03Happy", "OAF_Fear"]
        files = {f"{name}/{i}.wav": Tone(300 + 10 * i) for i, name in enumerate(names)}

        table = self.table(write(tmp_path / "mine", files), cache)

        assert {path.partition("/")[0]: row[1] for path, row in table.items()} == {
            **{"angry": "angry", "not_angry": "not_angry", "non neutral": "non neutral"},
            **{"female_happy": "female_happy", "03Happy": "happy", "OAF_Fear": "fearful"},
        }

    def test_a_table_may_write_accents_in_another_way_than_the_disk(self, tmp_path, cache):
        apart, composed = (unicodedata.normalize(form, "Zoë/é.wav") for form in ("NFD", "NFC"))
        csv = f"path;emotion\n{composed};sad\n1.wav;happy\n".encode("utf-16")
        files = {apart: Tone(440), "1.wav": Tone(450), "labels.csv": csv}

        table = self.table(write(tmp_path / "mine", files), cache)

        assert {path: row[1] for path, row in table.items()} == {apart: "sad", "1.wav": "happy"}

    @pytest.mark.parametrize("table", ["labels.csv", "metadata.csv"])
    def test_only_the_clips_in_a_table_count(self, table, tmp_path, cache):
        csv = (
            "\ufeffPath,Speaker,Emotion,Text\n"
            "1.wav,anna,Fear,hello\nsub\\2.wav,,relaxed,\nsad/3.wav,ben,,007\ngone.wav,ben,sad,\n"
        )
        files = {"1.wav": Tone(440), "sub/2.wav": Tone(450), "sad/3.wav": Tone(460)}
        root = write(tmp_path / "mine", {**files, "4.wav": Tone(470), table: csv.encode()})

        result = index("folder", root, cache)

        assert rows_of(result.table) == {
            "1.wav": ("anna", "fearful", "hello", None, None, None),
            "sad/3.wav": ("ben", "sad", "007", None, None, None),
            "sub/2.wav": (None, "relaxed", None, None, None, None),
        }
        assert [str(file) for file in result.skipped] == [
            f"4.wav: is not in {table}.",
            "gone.wav: does not exist.",
        ]

    @pytest.mark.parametrize(
        ("csv", "sentence"),
        [
            (b"file,emotion\n1.wav,sad\n", "labels.csv: has no column path. Give it the columns"),
            (
                b"path,emotion\n../1.wav,sad\n",
                "names '../1.wav' in line 2, and that is not below it. Name each",
            ),
            (
                b"path,emotion\n/1.wav,sad\n",
                "names '/1.wav' in line 2, and that is not below it. Name each",
            ),
            (
                b"path\nsad/1.wav\nsad/1.wav\n",
                "names 'sad/1.wav' in line 3, a second time. Name each clip once",
            ),
            (b"path,emotion\n,sad\n", "names no clip in line 2. Name each clip once"),
            (b"path,emotion\n\xff\xfe", "labels.csv: is not in UTF-8 or UTF-16. Save it as CSV"),
            (b"", "labels.csv: has no column path"),
        ],
    )
    def test_a_table_with_impossible_paths_is_an_error(self, csv, sentence, tmp_path, cache):
        root = write(tmp_path / "mine", {"sad/1.wav": Tone(440), "labels.csv": csv})

        with pytest.raises(SerKerasError) as raised:
            index("folder", root, cache)

        assert sentence in sentence_of(raised)


class TestTheRegistry:
    def test_it_lists_the_files_of_its_folder(self):
        assert corpora.names() == [
            *("aesdd", "ased", "crema-d", "demo", "emodb", "folder", "ravdess", "savee", "tess")
        ]

    @pytest.mark.parametrize("name", corpora.names())
    def test_a_corpus_has_the_name_of_its_file(self, name):
        assert corpora.get(name).name == name

    @pytest.mark.parametrize("spelling", ["crema-d", "crema_d", "CREMA-D"])
    def test_a_name_may_be_spelt_as_the_file_or_in_capitals(self, spelling):
        assert corpora.get(spelling).name == "crema-d"

    @pytest.mark.parametrize("name", ["tes", "emotions", "_corpus", "../tess", ""])
    def test_an_unknown_name_is_an_error_that_names_the_nearest(self, name):
        with pytest.raises(SerKerasError) as raised:
            corpora.get(name)

        assert sentence_of(raised).startswith(f"{name}: no such corpus. ")
        if name == "tes":
            assert sentence_of(raised).endswith("Did you mean tess.")
        if name == "":
            assert sentence_of(raised).endswith(
                "Choose one of aesdd, ased, crema-d, demo, emodb, folder, ravdess, savee, tess."
            )

    def test_names_are_read_without_any_heavy_import(self):
        code = (
            "import sys; from ser_keras import corpora\n"
            "for name in corpora.names():\n"
            "    corpora.get(name).parse('OAF_Sad/OAF_bar_sad.wav')\n"
            "assert corpora.guess('OAF_Sad/OAF_bar_sad.wav') == 'sad'\n"
            "heavy = {'pandas', 'soundfile', 'soxr', 'scipy', 'joblib', 'sklearn', 'keras'}\n"
            "print(sorted(heavy & set(sys.modules)))"
        )

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

        assert (done.stdout, done.stderr) == ("[]\n", "")
