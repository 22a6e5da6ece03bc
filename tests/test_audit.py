"""The auditor: planted leaks are found, none is invented, and the unknown is never called clean."""

import json

import pytest
import soundfile

from ser_keras import audio, audit, splits
from ser_keras.cli import audit as command
from ser_keras.errors import SerKerasError
from tests.test_leakage import RATE, babble

CLIPS = [  # speaker, text, role: test shares neither with training
    *((f"s{i}", f"t{j}", "train") for i in range(3) for j in range(3)),
    *((f"s{i}", f"t{j}", "test") for i in (3, 4) for j in (3, 4)),
]


def write(path, samples, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A folder with a different sound for every clip of `CLIPS`."""
    root = tmp_path_factory.mktemp("sounds")
    for seed, (speaker, text, _) in enumerate(CLIPS):
        write(root / f"{speaker}-{text}.wav", babble(seed, seconds=1.2))
    return root


@pytest.fixture
def lay(sounds, cache, tmp_path):
    """Return a function that audits the clean list with rows added, or with other ones."""

    def audited(*added, header="path,speaker,text,role", clean=True, **options):
        rows = [f"{s}-{t}.wav,{s},{t},{role}" for s, t, role in CLIPS] if clean else []
        path = tmp_path / "split.csv"
        path.write_text("\n".join([header, *rows, *added, ""]), encoding="utf-8")
        return audit.audit(path, sounds, cache=cache, **options)

    return audited


def test_a_clean_list_is_called_clean(lay):
    found = lay()
    assert found.report.test == {"content": 0, "near": 0, "speaker": 0, "text": 0}
    assert (found.rung, found.failures(audit.KINDS), found.renamed) == ("speaker-text", (), ())
    assert found.listing.counts() == {"train": 9, "validation": 0, "test": 4}
    assert found.sentences()[-1] == (
        "What it measures: speaker-text (unseen speakers saying unseen texts)."
    )


def resampled(path, samples):
    write(path, audio.from_samples(samples, RATE, 16_000), 16_000)


def as_flac(path, samples):
    write(path, samples)
    pcm, rate = soundfile.read(path, dtype="int16")
    path.unlink()
    write(path.with_suffix(".flac"), pcm, rate)


PLANTED = {
    "copy": ("content", lambda path, x: write(path, x)),
    "gain": ("near", lambda path, x: write(path, 0.3 * x)),
    "trim": ("near", lambda path, x: write(path, x[RATE // 5 :])),
    "resample": ("near", resampled),
    "lossless": ("content", as_flac),
    "encode": ("near", lambda path, x: write(path.with_suffix(".ogg"), x, format="OGG")),
}


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_copy_is_found_and_nothing_else(lay, tmp_path, leak):
    kind, plant = PLANTED[leak]
    plant(tmp_path / "planted.wav", babble(0, seconds=1.2))
    (planted,) = tmp_path.glob("planted.*")
    found = lay(f"{planted.name},s9,t9,test")
    others = {"content", "near"} - {kind}
    assert found.report.test[kind] == 1
    assert not any(found.report.test[other] for other in others)
    (pair,) = found.report.pairs
    assert (pair.first, pair.second) == (planted.name, "s0-t0.wav")
    assert found.failures() == (kind,)


def test_a_copy_of_a_clip_within_a_side_is_no_leak(lay, tmp_path):
    write(tmp_path / "again.wav", babble(0, seconds=1.2))
    assert lay("again.wav,s0,t0,train").failures(audit.KINDS) == ()


def test_a_renamed_speaker_is_found_and_takes_the_rung(lay, tmp_path):
    write(tmp_path / "renamed.wav", 0.5 * babble(0, seconds=1.2))
    found = lay("renamed.wav,s9,t9,test")
    assert [str(pair) for pair in found.renamed] == [
        "renamed.wav and s0-t0.wav (s9, s0)",
        "renamed.wav and s0-t0.wav (t9, t0)",
    ]
    assert found.report.test["speaker"] == 0
    assert (found.rung, found.rung_by_labels) == ("random", "speaker-text")
    assert found.failures(["speaker"]) == ("speaker",)
    assert "1 sound under two speakers: renamed.wav and s0-t0.wav (s9, s0)." in found.sentences()


def test_one_sound_under_two_speakers_of_one_side_is_named(lay, tmp_path):
    write(tmp_path / "renamed.wav", babble(0, seconds=1.2))
    found = lay("renamed.wav,s7,t0,train")
    assert [pair.shared for pair in found.renamed] == ["s0, s7"]
    assert found.rung == "speaker-text"


def test_one_clip_listed_under_two_speakers_is_named(lay):
    found = lay("s0-t0.wav,s9,t0,test")
    assert [str(pair) for pair in found.renamed] == ["s0-t0.wav and s0-t0.wav (s0, s9)"]
    assert found.failures() == ("content",)


def test_parts_of_longer_files_are_audited_by_name_alone(lay):
    rows = [f"s0-t0.wav,{s},{t},{role},{i}" for i, (s, t, role) in enumerate(CLIPS)]
    options = {"header": "path,speaker,text,role,start_time", "clean": False}
    with pytest.raises(SerKerasError, match="parts of longer files"):
        lay(*rows, **options)
    assert lay(*rows, **options, sound=False).failures(audit.KINDS) == ()


def test_a_shared_sentence_is_found_however_it_is_written(lay, tmp_path):
    for seed, name in ((50, "a"), (51, "b")):
        write(tmp_path / f"{name}.wav", babble(seed, seconds=1.2))
    found = lay("a.wav,s0,Kids are talking.,train", "b.wav,s4,kids are  talking,test")
    assert (found.report.test["text"], found.rung) == (1, "speaker")
    assert found.failures() == ()
    assert found.failures(["text"]) == ("text",)


def test_a_shared_speaker_is_found(lay, tmp_path):
    write(tmp_path / "a.wav", babble(50, seconds=1.2))
    found = lay("a.wav,s4,t0,train")
    assert (found.report.test["speaker"], found.rung) == (1, "text")
    assert found.failures(["speaker"]) == ("speaker",)


def test_speakers_of_an_unknown_corpus_are_unknown_and_never_disjoint(lay):
    rows = [f"{s}-{t}.wav,{role}" for s, t, role in CLIPS]
    found = lay(*rows, header="path,role", clean=False)
    assert (found.report.test["speaker"], found.report.test["text"]) == (None, None)
    assert (found.rung, found.failures()) == ("unknown", ())
    assert found.failures(["speaker"]) == ("speaker",)
    assert "Speakers: unknown of 13 of 13 clips; nobody can call the sides disjoint." in (
        found.sentences()
    )


def test_one_clip_without_a_speaker_is_enough_not_to_know(lay, tmp_path):
    write(tmp_path / "a.wav", babble(50, seconds=1.2))
    found = lay("a.wav,,t8,test")
    assert (found.report.test["speaker"], found.rung) == (None, "text")
    assert "whether speakers are shared is unknown" in found.sentences()[-2]


def test_columns_and_roles_are_guessed_and_said(lay, tmp_path):
    rows = [f"{s}-{t}.wav;{s};{t};{'TRAIN' if role == 'train' else 'eval'}" for s, t, role in CLIPS]
    found = lay(*rows, header="File Name;spk_id;Transcript;Split", clean=False)
    assert found.rung == "speaker-text"
    assert found.listing.notes == (
        "Columns: path = File Name, speaker = spk_id, text = Transcript, role = Split, "
        "TRAIN = train, eval = test",
    )


def test_eval_is_validation_where_another_side_is_the_test(lay):
    rows = [f"{s}-{t}.wav,{s},{t},{role}" for s, t, role in CLIPS[:-1]]
    found = lay(*rows, "s4-t4.wav,s4,t4,eval", clean=False)
    assert found.listing.counts() == {"train": 9, "validation": 1, "test": 3}


def test_a_list_of_numbered_folds_tests_on_one(lay):
    rows = [f"{s}-{t}.wav,{s},{t},{int(role == 'test') + 1}" for s, t, role in CLIPS]
    options = {"header": "path,speaker,text,fold", "clean": False}
    assert lay(*rows, **options).listing.counts()["test"] == 9
    assert lay(*rows, **options, fold="2").listing.counts()["test"] == 4
    with pytest.raises(SerKerasError, match=r"has no fold 3\. It has 1, 2"):
        lay(*rows, **options, fold="3")


def test_a_list_without_a_test_side_is_scored_on_validation(lay):
    rows = [f"{s}-{t}.wav,{s},{t},{'train' if r == 'train' else 'dev'}" for s, t, r in CLIPS]
    found = lay(*rows, clean=False)
    assert found.listing.counts() == {"train": 9, "validation": 0, "test": 4}
    assert "There is no test side: validation is taken for it" in found.listing.notes


def test_unreadable_clips_are_named_and_counted(lay, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    found = lay("broken.wav,s9,t9,test", "gone.wav,s8,t8,train")
    assert [file.path for file in found.skipped] == ["gone.wav", "broken.wav"]
    assert found.sentences()[1].startswith("2 clips could not be read: gone.wav was not found; br")
    assert found.rung == "speaker-text"


def test_a_list_whose_clips_are_elsewhere_asks_for_them(tmp_path, cache):
    (tmp_path / "split.csv").write_text("path,role\na.wav,train\nb.wav,test\n")
    with pytest.raises(SerKerasError, match=r"none of its 2 clips can be read. Name the folder"):
        audit.audit(tmp_path / "split.csv", tmp_path, cache=cache)


def test_without_sound_copies_are_known_by_name_and_their_absence_is_not(lay):
    found = lay(sound=False)
    assert (found.report.test["content"], found.report.test["near"]) == (None, None)
    assert (found.rung, found.failures()) == ("speaker-text", ())
    assert lay("s0-t0.wav,s9,t9,test", sound=False).failures() == ("content",)


def tess(root, sides):
    """Lay clips out as TESS names them: (voice, word, emotion) of each side."""
    for side, names in sides.items():
        for name in names:
            seed = sum(map(ord, name))
            write(root / side / f"{name}.wav", babble(seed, seconds=0.6))


def test_a_folder_with_sides_is_read_and_names_of_a_known_corpus_are(tmp_path, cache):
    sides = {
        "Train": ["OAF_back_sad", "OAF_bar_sad"],
        "dev": ["OAF_dog_sad"],
        "test": ["YAF_back_sad", "YAF_bath_fear"],
    }
    tess(tmp_path, sides)
    found = audit.audit(tmp_path, cache=cache)
    assert found.listing.counts() == {"train": 2, "validation": 1, "test": 2}
    assert found.report.test == {"content": 0, "near": 0, "speaker": 0, "text": 1}
    assert found.rung == "speaker"
    assert found.listing.notes == (
        "Sides by folder: Train/ = train, dev/ = validation, test/ = test",
        "Speakers read from names as of the corpus tess (5)",
        "Texts read from names as of the corpus tess (5)",
    )


def test_a_nested_second_copy_is_the_same_clip_by_name(tmp_path):
    tess(tmp_path, {"train/TESS/OAF_sad": ["OAF_back_sad"], "test/OAF_sad": ["OAF_back_sad"]})
    found = audit.audit(tmp_path, sound=False)
    assert found.failures() == ("content",)


def test_a_folder_of_an_unknown_corpus_has_unknown_speakers(tmp_path, cache):
    tess(tmp_path, {"train": ["one"], "test": ["two"]})
    found = audit.audit(tmp_path, cache=cache)
    assert (found.report.test["speaker"], found.rung) == (None, "unknown")


def test_voices_of_two_corpora_with_one_name_are_two(tmp_path):
    for name in ("train/a01 (3).wav", "test/n1-01-01-01-03.wav"):  # AESDD, ASED
        write(tmp_path / name, babble(1, seconds=0.6))
    found = audit.audit(tmp_path, sound=False)
    assert found.rung == "speaker-text"


def emobox(root, sides):
    """Write lists in EmoBox's form; clips are named by key as well as by a path of theirs."""
    for side, names in sides.items():
        rows = [
            {
                "key": f"tess-{name.replace('_', '-')}",
                "dataset": "tess",
                "wav": f"downloads/tess/{name}.wav",
                "type": "raw",
                "sample_rate": 24414,
                "length": 1.4,
                "task": "category",
                "emo": "sad",
                "channel": 1,
            }
            for name in names
        ]
        root.mkdir(exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (root / f"tess_{side}_fold_1.jsonl").write_text(lines)


SIDES = {"train": ["OAF_back_sad", "YAF_bar_sad"], "test": ["OAF_dog_sad", "YAF_bath_sad"]}


@pytest.fixture
def emobox_fold(tmp_path):
    emobox(tmp_path / "fold_1", SIDES)
    for names in SIDES.values():  # as another download has it: other folders, another format
        for name in names:
            target = tmp_path / "data" / "TESS" / name[:3] / f"{name}.flac"
            write(target, babble(sum(map(ord, name)), seconds=0.6))
    return tmp_path / "fold_1"


def test_a_fold_of_emobox_is_read_and_its_clips_are_found(emobox_fold, cache):
    found = audit.audit(emobox_fold, emobox_fold.parent / "data", cache=cache)
    assert found.report.test == {"content": 0, "near": 0, "speaker": 2, "text": 0}
    assert (found.rung, found.listing.form, found.skipped) == ("text", "JSON lines", ())
    data = emobox_fold.parent / "data"
    assert f"4 clips found by name below {data}" in found.listing.notes


def test_one_list_of_a_fold_finds_the_other_beside_it(emobox_fold):
    one = audit.read(emobox_fold / "tess_test_fold_1.jsonl")
    both = audit.read(sorted(emobox_fold.iterdir()))
    assert one.counts() == both.counts() == {"train": 2, "validation": 0, "test": 2}


def test_lists_of_several_folds_are_several_splits(tmp_path):
    names = [f"x_{side}_fold_{n}.jsonl" for n in (1, 2) for side in ("train", "test")]
    groups = audit.grouped([*(tmp_path / name for name in names), tmp_path / "run"])
    assert [[path.name for path in group] for group in groups] == [names[:2], names[2:], ["run"]]


def test_a_run_of_ours_is_read_with_its_corpus(tiny_index, tmp_path):
    splits.make(tiny_index, "text").write(tmp_path / "run" / "split.csv")
    (tmp_path / "run" / "metrics.json").write_text("{}")
    found = audit.audit(tmp_path / "run", tiny_index.root.parent, sound=False)
    assert (found.listing.form, found.rung) == ("run", "text")
    assert found.listing.table["file"].notna().all()
    assert sum(found.listing.counts().values()) == 112


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
        audit.audit(tmp_path / name, tmp_path)


def test_a_folder_without_sides_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match="is no split"):
        audit.audit(tmp_path)


def status(*argv):
    try:
        command.main([str(argument) for argument in argv])
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.fixture
def leaking(emobox_fold):
    """Arguments for a fold of which one test clip is a softer training clip."""
    data = emobox_fold.parent / "data"
    copy = data / "TESS" / "OAF" / "OAF_dog_sad.flac"
    write(copy, 0.5 * babble(sum(map(ord, "OAF_back_sad")), seconds=0.6))
    return [emobox_fold, "--data", data, "--cache", emobox_fold.parent / "cache"]


def test_the_exit_status_is_that_of_what_is_forbidden(leaking, tmp_path, capsys):
    assert status(*leaking) == 1
    assert status(*leaking, "--forbid", "content") == 0
    assert status(*leaking, "--forbid", "text, content") == 1  # a copy says the same text
    assert status(*leaking, "--no-sound") == 0
    assert status(tmp_path / "nothing.csv") == 1
    assert status(*leaking, "--forbid", "voices") == 2
    assert status() == 2
    assert "voices is none of content, near, speaker, text" in capsys.readouterr().err


def test_json_stands_alone_on_standard_output(leaking, capsys):
    assert status(*leaking, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["test"] == {"content": 0, "near": 1, "speaker": 2, "text": 0}
    assert (told["rung"], told["rung_by_labels"], told["failures"]) == ("random", "text", ["near"])
    assert told["pairs"][0]["second"] == "downloads/tess/OAF_back_sad.wav"


def test_text_says_what_is_shared_and_what_to_do(leaking, capsys):
    status(*leaking)
    out = capsys.readouterr().out
    assert "Near-duplicates: test and the rest share 1: downloads/tess/OAF_dog_sad.wav and" in out
    assert "without the shared sounds it would be text" in out
    assert "Leave one clip of each such pair out of training." in out


def test_a_clip_that_cannot_be_read_fails_only_where_that_is_asked_for(leaking):
    next(leaking[2].rglob("OAF_dog*")).unlink()
    assert status(*leaking) == 0
    assert status(*leaking, "--strict") == 1


def test_nothing_of_the_users_is_written(leaking):
    def there():
        return sorted(path for at in leaking[:3:2] for path in at.rglob("*"))

    before = there()
    status(*leaking)
    assert there() == before
