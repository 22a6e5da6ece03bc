"""Lists of clips are read in the forms that people write, or the form is named."""

import json
import os

import pytest

from ser_keras.audit import lists
from ser_keras.errors import SerKerasError

CLIPS = [{"path": "a.wav", "speaker": "7"}, {"path": "b.wav"}]


def read(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    rows = lists.read_rows(path)
    return [{k: v for k, v in row.items() if isinstance(v, str)} for row in rows.to_dict("records")]


@pytest.mark.parametrize(
    "content",
    [
        [{"path": "a.wav", "speaker": 7}, {"path": "b.wav", "speaker": None}],
        {"data": [{"path": "a.wav", "speaker": 7}, {"path": "b.wav", "speaker": float("nan")}]},
        {"version": 2, "clips": [{"path": "a.wav", "speaker": "7", "x": []}, {"path": "b.wav"}]},
        {"path": ["a.wav", "b.wav"], "speaker": [7, None]},
        {"path": {"0": "a.wav", "1": "b.wav"}, "speaker": {"0": 7, "1": None}},
        {"columns": ["path", "speaker"], "index": [0, 1], "data": [["a.wav", 7], ["b.wav", None]]},
        [{"path": {"path": "a.wav", "bytes": None}, "speaker": 7}, {"path": "b.wav"}],
        '{"path": "a.wav", "speaker": 7}\n{"path": "b.wav"}\n',
        "path,speaker\na.wav,7\nb.wav,\n",
        "path;speaker\r\na.wav;7\r\nb.wav\r\n",
    ],
)  # fmt: skip
def test_one_list_in_several_forms_is_the_same(content, tmp_path):
    suffix = "json" if not isinstance(content, str) or content[0] == "{" else "csv"
    assert read(tmp_path / f"x.{suffix}", content) == CLIPS


def test_the_json_of_speechbrain_and_emobox_has_an_object_for_each_id(tmp_path):
    speechbrain = {
        "Ses01F_a": {"wav": "{data_root}/Ses01/a.wav", "length": 1.5, "spk_id": "Ses01F"},
        "Ses01F_b": {"wav": {"file": "b.wav", "start": 160, "stop": 320}, "emo": "ang"},
    }
    assert read(tmp_path / "x.json", speechbrain) == [
        {
            **{"id": "Ses01F_a", "wav": "{data_root}/Ses01/a.wav"},
            **{"length": "1.5", "spk_id": "Ses01F"},
        },
        {"id": "Ses01F_b", "wav": "b.wav", "start": "160", "emo": "ang"},
    ]


def test_an_object_for_each_side_gives_its_clips_their_roles(tmp_path):
    content = {"train": ["a.wav", "b.wav"], "dev": {"c": {"wav": "c.wav"}}}
    assert read(tmp_path / "x.json", content) == [
        {"path": "a.wav", "role": "train"},
        {"path": "b.wav", "role": "train"},
        {"id": "c", "wav": "c.wav", "role": "dev"},
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1, 2]", "is JSON, but in no form of a list of clips that is known. Write one object"),
        ('{"happy": 0, "sad": 1}', "in no form of a list of clips"),
        ('"a.wav"', "in no form of a list of clips"),
        ("[]", "in no form of a list of clips"),
        ("{'a': 1}", "is no JSON (Expecting property name"),
        ("[" * 100_000, "is nested too deeply. Write one object"),
        ('{"a":' * 2_000 + "1" + "}" * 2_000, "Write one object"),
        ("\xff", "is no JSON"),
    ],
)
def test_json_of_another_form_is_named(text, sentence, tmp_path):
    with pytest.raises(SerKerasError) as raised:
        read(tmp_path / "x.json", text)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_a_list_without_end_is_refused(suffix, tmp_path):
    os.mkfifo(tmp_path / f"x.{suffix}")
    with pytest.raises(SerKerasError, match="is no ordinary file"):
        lists.read_rows(tmp_path / f"x.{suffix}")


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("0=train,1=validation,2=test", {"0": "train", "1": "validation", "2": "test"}),
        (" A = dev , B.0=Eval", {"a": "validation", "b": "test"}),
    ],
)
def test_roles_are_given_as_pairs(text, roles):
    assert lists.read_roles(text) == roles


@pytest.mark.parametrize("text", ["", "0", "0=", "=train", "0=train,1=tested"])
def test_other_words_are_no_roles(text):
    with pytest.raises(ValueError, match="is not of the form VALUE=ROLE"):
        lists.read_roles(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", "[" + "{}," * 1_000_001 + "{}]"),
        ("x.jsonl", "{}\n" * 500_001),
        ("y.json", "[" + "[]," * 1_000_001 + "[]]"),
    ],
    ids=["objects", "lines", "lists"],
)
def test_a_list_that_is_far_too_long_is_refused(name, text, tmp_path):
    with pytest.raises(SerKerasError, match="lists more than 500,000 clips"):
        read(tmp_path / name, text)


def test_an_object_of_paths_is_a_list_of_clips(tmp_path):
    assert read(tmp_path / "x.json", {"1": "a.wav", "2": "b.wav"}) == [
        {"id": "1", "path": "a.wav"},
        {"id": "2", "path": "b.wav"},
    ]
    assert read(tmp_path / "x.json", {"a.wav": "sad", "b.wav": "calm"}) == [
        {"path": "a.wav", "emotion": "sad"},
        {"path": "b.wav", "emotion": "calm"},
    ]
