"""Splits that others wrote are read; guesses are noted, and anything else is refused."""

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


def test_lists_of_several_folds_are_several_splits(tmp_path):
    names = [f"x_{side}_fold_{n}.jsonl" for n in (1, 2) for side in ("train", "test")]
    groups = foreign.grouped([*(tmp_path / name for name in names), tmp_path / "run"])
    assert [[path.name for path in group] for group in groups] == [names[:2], names[2:], ["run"]]


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
