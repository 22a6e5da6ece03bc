"""Reading splits that others wrote: what is guessed is noted, what is no split is refused."""

import pytest

from ser_keras import listings
from ser_keras.errors import SerKerasError
from tests.lists import emobox_fold

CLIPS = [("s1", "t1", "train"), ("s2", "t2", "train"), ("s3", "t3", "test")]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a list of these lines; the clips need not be there."""

    def listing(header, *rows, **options):
        path = tmp_path / "split.csv"
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        return listings.read(path, tmp_path, **options)

    return listing


def test_columns_and_roles_are_guessed_and_noted(read):
    rows = [f"{s}.wav;{s};{t};{'TRAIN' if role == 'train' else 'eval'}" for s, t, role in CLIPS]
    found = read("File Name;spk_id;Transcript;Split", *rows)
    assert list(found.table["role"]) == ["train", "train", "test"]
    assert list(found.table["text"]) == ["t1", "t2", "t3"]
    assert found.notes == (
        "Columns: path = File Name, speaker = spk_id, text = Transcript, role = Split, "
        "TRAIN = train, eval = test",
    )


def test_eval_is_validation_where_another_side_is_the_test(read):
    rows = [f"{s}.wav,{role}" for s, _, role in CLIPS]
    found = read("path,role", *rows, "s4.wav,eval")
    assert found.counts() == {"train": 2, "validation": 1, "test": 1}


def test_a_list_of_numbered_folds_tests_on_one(read):
    lines = ["path,fold", *(f"{s}.wav,{1 + (role == 'test')}" for s, _, role in CLIPS)]
    assert read(*lines).counts()["test"] == 2
    assert read(*lines, fold="2").counts()["test"] == 1
    with pytest.raises(SerKerasError, match=r"has no fold 3\. It has 1, 2"):
        read(*lines, fold="3")


def test_a_list_without_a_test_side_is_scored_on_validation(read):
    found = read("path,role", "a.wav,train", "b.wav,dev")
    assert found.counts() == {"train": 1, "validation": 0, "test": 1}
    assert "There is no test side: validation is taken for it" in found.notes


def test_one_spelling_of_a_sentence_stands_for_all(read):
    rows = ["a.wav,Kids are talking.,train", "b.wav,kids are  talking,test", "c.wav,,test"]
    assert read("path,text,role", *rows).table["text"].tolist()[:2] == ["kids are talking"] * 2


def test_one_list_of_a_fold_finds_the_other_beside_it(tmp_path):
    fold = emobox_fold(tmp_path)
    one = listings.read(fold / "tess_test_fold_1.jsonl")
    both = listings.read(sorted(fold.iterdir()))
    assert one.counts() == both.counts() == {"train": 2, "validation": 0, "test": 2}
    assert one.notes[0] == "Sides beside it: tess_train_fold_1.jsonl"


def test_lists_of_several_folds_are_several_splits(tmp_path):
    names = [f"x_{side}_fold_{n}.jsonl" for n in (1, 2) for side in ("train", "test")]
    groups = listings.grouped([*(tmp_path / name for name in names), tmp_path / "run"])
    assert [[path.name for path in group] for group in groups] == [names[:2], names[2:], ["run"]]


def test_names_of_known_corpora_tell_who_says_what():
    said = listings.said_by_names(["x/OAF_back_sad.wav", "h3-01-01-02-08.wav", "interview.wav"])
    assert {path: (corpus, told.speaker, told.text) for path, (corpus, told) in said.items()} == {
        "x/OAF_back_sad.wav": ("tess", "OAF", "back"),
        "h3-01-01-02-08.wav": ("ased", "08", "01"),
    }


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "emotion,role\nsad,test\n", "has no column that names the clips"),
        ("a.csv", "path,emotion\na.wav,sad\n", "tells no side of its clips. Add a column role"),
        ("train.csv", "path\na.wav\n", "has no clip for test"),
        ("a.csv", "path,role\n", "lists no clips"),
        ("a.jsonl", '{"wav": "a.wav"}\n[1]\n', "line 2 is not a JSON object"),
        ("a.jsonl", "{", "line 1 is not a JSON object"),
    ],
)
def test_what_is_no_split_is_refused_by_a_sentence(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(SerKerasError, match=sentence):
        listings.read(tmp_path / name, tmp_path)


def test_a_folder_without_sides_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match="is no split"):
        listings.read(tmp_path)
