"""Splits that others wrote are read; guesses are noted, and anything else is refused."""

import json
import os

import pytest

from ser_keras.audit import foreign
from ser_keras.errors import SerKerasError
from tests.audit.lists import emobox_fold

CLIPS = [("s1", "t1", "train"), ("s2", "t2", "train"), ("s3", "t3", "test")]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a list of these lines; the clips need not be there."""

    def listing(header, *rows, **options):
        path = tmp_path / "split.csv"
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        return foreign.read(path, tmp_path, **options)

    return listing


def test_columns_and_roles_are_guessed_and_noted(read):
    rows = [f"{s}.wav;{s};{t};{'TRAIN' if role == 'train' else 'eval'}" for s, t, role in CLIPS]
    result = read("File Name;spk_id;Transcript;Split", *rows)
    assert list(result.table["role"]) == ["train", "train", "test"]
    assert list(result.table["text"]) == ["t1", "t2", "t3"]
    assert result.notes == (
        "Columns: path = File Name, speaker = spk_id, text = Transcript, role = Split, "
        "TRAIN = train, eval = test",
    )


def test_eval_is_validation_if_another_side_is_the_test(read):
    rows = [f"{s}.wav,{role}" for s, _, role in CLIPS]
    result = read("path,role", *rows, "s4.wav,eval")
    assert result.counts() == {"train": 2, "validation": 1, "test": 1}


def test_a_list_of_numbered_folds_tests_on_one(read):
    lines = ["path,fold", *(f"{s}.wav,{1 + (role == 'test')}" for s, _, role in CLIPS)]
    assert read(*lines).counts()["test"] == 2
    assert read(*lines, fold="2").counts()["test"] == 1
    with pytest.raises(SerKerasError, match=r"has no fold 3\. It has 1, 2"):
        read(*lines, fold="3")


@pytest.mark.parametrize("column", ["split", "Set", "partition"])
def test_numbers_that_may_be_roles_or_folds_are_asked_about(read, column):
    lines = [f"path,{column}", *(f"{n}.wav,{n % 3}" for n in range(9))]
    with pytest.raises(SerKerasError) as raised:
        read(*lines)
    assert str(raised.value).endswith(
        f"has 0, 1, 2 in its column {column}, which may be roles or folds. Say which: --role "
        "0=ROLE,1=ROLE,2=ROLE (train, validation, test), or --fold 2."
    )
    result = read(*lines, roles={"0": "train", "1": "validation", "2": "test"})
    assert result.counts() == {"train": 3, "validation": 3, "test": 3}
    assert result.notes[0] == (f"Columns: role = {column}, 0 = train, 1 = validation, 2 = test")
    assert read(*lines, fold="2").counts() == {"train": 6, "validation": 0, "test": 3}
    assert read(*lines, roles={"0": "train", "2": "test"}).counts()["validation"] == 0


def test_roles_may_be_given_for_words_and_for_numbers_of_a_spreadsheet(read):
    lines = ["path,usage", "a.wav,1.0", "b.wav,Held out"]
    assert read(*lines, roles={"1": "train", "held out": "test"}).counts()["test"] == 1
    with pytest.raises(SerKerasError, match=r"has no column of roles with a value 5\. Check"):
        read(*lines, roles={"5": "test"})


def test_a_column_of_folds_beside_roles_in_numbers_is_not_guessed(read):
    lines = ["path,fold,split", "a.wav,1,0", "b.wav,2,2"]
    with pytest.raises(SerKerasError, match="has 0, 2 in its column split, which may be"):
        read(*lines)
    assert read(*lines, fold="2").counts()["test"] == 1


def test_words_that_name_folds_are_folds(read):
    lines = ["path,split", "a.wav,fold_1", "b.wav,fold_2"]
    assert read(*lines).notes == ("Columns: test = split fold_1 of fold_1, fold_2",)


def test_a_list_without_a_test_side_is_scored_on_validation(read):
    result = read("path,role", "a.wav,train", "b.wav,dev")
    assert result.counts() == {"train": 1, "validation": 0, "test": 1}
    assert "There is no test side, so validation is taken for it" in result.notes


def test_spellings_of_a_sentence_are_one_text(read):
    rows = ["a.wav,Kids are talking.,train", "b.wav,kids are  talking,test", "c.wav,,test"]
    assert read("path,text,role", *rows).table["text"].tolist()[:2] == ["kids are talking"] * 2


def test_one_list_of_a_fold_finds_the_other_beside_it(tmp_path):
    fold = emobox_fold(tmp_path)
    one = foreign.read(fold / "tess_test_fold_1.jsonl")
    both = foreign.read(sorted(fold.iterdir()))
    assert one.counts() == both.counts() == {"train": 2, "validation": 0, "test": 2}
    assert one.notes[0] == "Sides beside it: tess_train_fold_1.jsonl"


def test_of_lists_in_several_forms_the_first_is_read(tmp_path):
    fold = emobox_fold(tmp_path)
    for path in list(fold.iterdir()):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        clips = {row["key"]: {"wav": row["wav"], "emo": row["emo"]} for row in rows}
        path.with_suffix(".json").write_text(json.dumps(clips))
        (fold / f"._{path.name}").write_text("not a list")
    (fold / "label_map.json").write_text('{"sad": "sad"}')
    assert foreign.read(fold).form == "JSON lines"
    result = foreign.read(fold / "tess_test_fold_1.json")
    assert (result.form, result.counts()["test"]) == ("JSON", 2)
    assert list(result.table["speaker"]) == ["OAF", "YAF", "OAF", "YAF"]


def test_the_lists_of_speechbrain_are_read_without_their_placeholder(tmp_path):
    for side, voices in {"train": ("OAF", "YAF"), "test": ("OAF",)}.items():
        clips = {
            f"{voice}_{side}": {"wav": f"{{data_root}}/{voice}/{side}.wav", "spk_id": voice}
            for voice in voices
        }
        (tmp_path / f"{side}.json").write_text(json.dumps(clips, indent=2))
    (tmp_path / "OAF").mkdir()
    (tmp_path / "OAF" / "test.wav").touch()
    result = foreign.read(tmp_path, tmp_path)
    assert list(result.table["path"]) == ["OAF/test.wav", "OAF/train.wav", "YAF/train.wav"]
    assert list(result.table["speaker"]) == ["OAF", "OAF", "YAF"]
    assert result.table["file"].notna().sum() == 1


def test_one_clip_in_two_encodings_is_one_by_its_name(read):
    result = read("path,role", "\u00e9.wav,train", "e\u0301.wav,test")
    assert result.table["identity"].nunique() == 1


def test_lists_of_several_folds_are_several_splits(tmp_path):
    names = [f"x_{side}_fold_{n}.jsonl" for n in (1, 2) for side in ("train", "test")]
    groups = foreign.grouped([*(tmp_path / name for name in names), tmp_path / "run"])
    assert [[path.name for path in group] for group in groups] == [names[:2], names[2:], ["run"]]
    emodb = ["emodb_test_fold1.json", "emodb_train_fold_1.json"]  # as EmoBox names them
    assert len(foreign.grouped(emodb)) == 1


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "emotion,role\nsad,test\n", "has no column that names the clips"),
        (
            "a.csv",
            "path,emotion\na.wav,sad\n",
            "does not say which side its clips are on. Add a column role",
        ),
        ("train.csv", "path\na.wav\n", "has no clip for test"),
        ("a.csv", "path,role\n", "lists no clips"),
        ("a.jsonl", '{"wav": "a.wav"}\n[1]\n', "line 2 is not a JSON object"),
        ("a.jsonl", "{", "line 1 is not a JSON object"),
    ],
)
def test_a_list_that_is_no_split_is_refused_with_a_reason(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(SerKerasError, match=sentence):
        foreign.read(tmp_path / name, tmp_path)


def test_links_in_a_folder_with_sides_are_followed_and_what_is_left_out_is_noted(tmp_path):
    deep = "1/2/3/4/5/6/7/8/9"
    for name in ("store/a.wav", "split/train/b.wav", f"split/train/{deep}/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    os.symlink(tmp_path / "store", tmp_path / "split" / "test")
    os.symlink(tmp_path / "store", tmp_path / "split" / "train" / "more")
    result = foreign.read(tmp_path / "split", tmp_path)
    assert list(result.table["path"]) == ["test/a.wav", "train/b.wav", "train/more/a.wav"]
    assert result.table["file"].notna().all()
    assert result.notes[1] == (
        f"Left out below {tmp_path}/split/train: {deep}: lies below 8 levels of folders and is "
        "not searched"
    )


def test_a_folder_without_sides_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match="is no split"):
        foreign.read(tmp_path)
