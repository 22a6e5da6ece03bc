"""Audits find planted leaks and no others, and never call unknown speakers or texts disjoint."""

import pytest
import soundfile

from ser_keras import audio, audit, leakage, splits
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from tests.audit.lists import emobox_fold, tess, write
from tests.test_leakage import RATE, babble, noisy

CLIPS = [  # speaker, text, role: test shares neither with training
    *((f"s{i}", f"t{j}", "train") for i in range(3) for j in range(3)),
    *((f"s{i}", f"t{j}", "test") for i in (3, 4) for j in (3, 4)),
]


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
    result = lay()
    assert result.report.test == {"content": 0, "near": 0, "speaker": 0, "text": 0}
    assert (result.rung, result.failures(audit.KINDS), result.renamed) == ("speaker-text", (), ())
    assert result.listing.counts() == {"train": 9, "validation": 0, "test": 4}
    assert result.sentences()[-1] == (
        "What it measures: unseen speakers, unseen texts (protocol speaker-text)."
    )


def resampled(path, samples):
    write(path, audio.from_samples(samples, RATE, 16_000), 16_000)


def as_flac(path, samples):
    write(path, samples)
    pcm, rate = soundfile.read(path, dtype="int16")
    path.unlink()
    write(path.with_suffix(".flac"), pcm, rate)


def encoded(kind):
    return lambda path, x: write(path.with_suffix(f".{kind.lower()}"), x, format=kind)


PLANTED = {
    "copy": ("content", lambda path, x: write(path, x)),
    "lossless": ("content", as_flac),
    "gain": ("near", lambda path, x: write(path, 0.3 * x)),
    "trim": ("near", lambda path, x: write(path, x[RATE // 5 :])),
    "pad": ("near", lambda path, x: write(path, [0.0] * (RATE // 5) + list(x))),
    "resample": ("near", resampled),
    "noise": ("near", lambda path, x: write(path, noisy(x))),
    "ogg": ("near", encoded("OGG")),
    "mp3": ("near", encoded("MP3")),
}


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_copy_is_found_and_nothing_else(lay, tmp_path, leak):
    kind, plant = PLANTED[leak]
    plant(tmp_path / "planted.wav", babble(0, seconds=1.2))
    (planted,) = tmp_path.glob("planted.*")
    result = lay(f"{planted.name},s9,t9,test")
    others = {"content", "near"} - {kind}
    assert result.report.test[kind] == 1
    assert not any(result.report.test[other] for other in others)
    (pair,) = result.report.pairs
    assert (pair.first, pair.second) == (planted.name, "s0-t0.wav")
    assert result.failures() == (kind,)


def test_all_leaks_in_one_list_are_distinguished(lay, tmp_path):
    rows = []
    for number, (name, (_, plant)) in enumerate(PLANTED.items()):
        plant(tmp_path / f"{name}.wav", babble(number, seconds=1.2))
        (planted,) = tmp_path.glob(f"{name}.*")
        rows.append(f"{planted.name},s{number + 50},t{number + 50},test")
    result = lay(*rows, "s0-t0.wav,s3,t3,train")  # and a speaker and a sentence of the test side
    assert result.report.test == {"content": 2, "near": 7, "speaker": 1, "text": 1}
    assert result.failures(audit.KINDS) == ("content", "near", "speaker", "text")
    near = [pair for pair in result.report.pairs if pair.kind == "near"]
    assert {pair.first.split(".")[0]: pair.second for pair in near} == {
        name: f"s{number // 3}-t{number % 3}.wav"
        for number, (name, (kind, _)) in enumerate(PLANTED.items())
        if kind == "near"
    }


def test_a_copy_of_a_validation_clip_counts_in_both_comparisons(lay, tmp_path):
    write(tmp_path / "chosen-by.wav", 0.5 * babble(0, seconds=1.2))
    write(tmp_path / "tested.wav", babble(60, seconds=1.2))
    write(tmp_path / "chosen-by-too.wav", babble(60, seconds=1.2))
    added = ["chosen-by.wav,s0,t0,validation", "chosen-by-too.wav,s8,t8,validation"]
    result = lay(*added, "tested.wav,s9,t9,test")
    assert (result.report.validation["near"], result.report.validation["content"]) == (1, 0)
    assert (result.report.test["near"], result.report.test["content"]) == (0, 1)
    shares = [result.share(kind, "validation") for kind in ("content", "near", "speaker", "text")]
    assert shares == ["0 of 2", "1", "1 of 2", "1 of 2"]


def test_a_copy_of_a_clip_within_a_side_is_no_leak(lay, tmp_path):
    write(tmp_path / "again.wav", babble(0, seconds=1.2))
    assert lay("again.wav,s0,t0,train").failures(audit.KINDS) == ()


def test_a_copy_under_another_speaker_is_found_and_lowers_the_rung(lay, tmp_path):
    write(tmp_path / "renamed.wav", 0.5 * babble(0, seconds=1.2))
    result = lay("renamed.wav,s9,t9,test")
    assert [str(pair) for pair in result.renamed] == [
        "renamed.wav and s0-t0.wav (s9, s0)",
        "renamed.wav and s0-t0.wav (t9, t0)",
    ]
    assert result.report.test["speaker"] == 0
    assert (result.rung, result.rung_by_labels) == ("random", "speaker-text")
    assert result.failures(["speaker"]) == ("speaker",)
    assert "1 sound under two speakers: renamed.wav and s0-t0.wav (s9, s0)." in result.sentences()


def test_one_sound_under_two_speakers_of_one_side_is_named(lay, tmp_path):
    write(tmp_path / "renamed.wav", babble(0, seconds=1.2))
    result = lay("renamed.wav,s7,t0,train")
    assert [pair.shared for pair in result.renamed] == ["s0, s7"]
    assert result.rung == "speaker-text"


def test_one_clip_listed_under_two_speakers_is_named(lay):
    result = lay("s0-t0.wav,s9,t0,test")
    assert [str(pair) for pair in result.renamed] == ["s0-t0.wav and s0-t0.wav (s0, s9)"]
    assert result.failures() == ("content",)


def test_parts_of_longer_files_are_audited_by_name_alone(lay):
    rows = [f"s0-t0.wav,{s},{t},{role},{i}" for i, (s, t, role) in enumerate(CLIPS)]
    options = {"header": "path,speaker,text,role,start_time", "clean": False}
    with pytest.raises(SerKerasError, match="parts of longer files"):
        lay(*rows, **options)
    assert lay(*rows, **options, sound=False).failures(audit.KINDS) == ()


def test_a_shared_sentence_is_found_however_it_is_written(lay, tmp_path):
    for seed, name in ((50, "a"), (51, "b")):
        write(tmp_path / f"{name}.wav", babble(seed, seconds=1.2))
    result = lay("a.wav,s0,Kids are talking.,train", "b.wav,s4,kids are  talking,test")
    assert (result.report.test["text"], result.rung) == (1, "speaker")
    assert result.failures() == ()
    assert result.failures(["text"]) == ("text",)


@pytest.mark.parametrize(("here", "there"), [("01", "1"), ("Spk_1", "spk_1"), ("é", "e\u0301")])
def test_a_shared_speaker_is_found_however_it_is_written(lay, here, there):
    rows = [f"s0-t0.wav,{here},t0,train", f"s4-t4.wav,{there},t4,test"]
    result = lay(*rows, clean=False)
    assert (result.report.test["speaker"], result.rung) == (1, "text")
    assert result.failures(["speaker"]) == ("speaker",)
    assert result.listing.notes[0].startswith("1 speaker has several spellings, which count as one")


def test_speakers_of_one_corpus_are_compared_however_its_name_is_written(lay):
    rows = ["s0-t0.wav,a,t0,train,TESS", "s1-t1.wav,b,t1,train,", "s4-t4.wav,a,t4,test,tess"]
    result = lay(*rows, header="path,speaker,text,role,corpus", clean=False)
    assert result.report.test["speaker"] == 1


def test_a_shared_speaker_is_found(lay, tmp_path):
    write(tmp_path / "a.wav", babble(50, seconds=1.2))
    result = lay("a.wav,s4,t0,train")
    assert (result.report.test["speaker"], result.rung) == (1, "text")
    assert (result.share("speaker"), result.measures) == ("1 of 2", "seen speakers, unseen texts")
    assert result.failures(["speaker"]) == ("speaker",)


def test_speakers_of_an_unknown_corpus_are_unknown_and_never_disjoint(lay):
    rows = [f"{s}-{t}.wav,{role}" for s, t, role in CLIPS]
    result = lay(*rows, header="path,role", clean=False)
    assert (result.report.test["speaker"], result.report.test["text"]) == (None, None)
    assert (result.rung, result.failures()) == ("unknown", ())
    assert result.failures(["speaker"]) == ("speaker",)
    sentence = "Speakers: unknown for 13 of 13 clips, so the sides cannot be called disjoint."
    assert sentence in result.sentences()
    assert result.sentences()[-3:] == [
        "What it measures: speakers not known, texts not known.",
        "Add the speakers, in a CSV with the columns path, speaker and role.",
        "Add the texts, in a CSV with the columns path, text and role.",
    ]


def test_one_clip_without_a_speaker_makes_speakers_unknown(lay, tmp_path):
    write(tmp_path / "a.wav", babble(50, seconds=1.2))
    result = lay("a.wav,,t8,test")
    assert (result.report.test["speaker"], result.rung) == (None, "unknown")
    assert (result.share("speaker"), result.measures) == (
        "not known",
        "speakers not known, unseen texts",
    )
    assert result.sentences()[-2] == "What it measures: speakers not known, unseen texts."


def test_unreadable_clips_are_named_and_counted(lay, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    result = lay("broken.wav,s9,t9,test", "gone.wav,s8,t8,train")
    assert [file.path for file in result.skipped] == ["gone.wav", "broken.wav"]
    first, sounds, near = result.sentences()[1:4]
    assert first.startswith("2 clips could not be heard: gone.wav was not found, broken.wav ")
    assert sounds == "Sounds: unknown, because 2 clips could not be heard."
    assert near == "Near-duplicates: unknown, because 2 clips could not be heard."
    assert result.rung == "speaker-text"
    assert result.sentences()[-2:] == [
        "What it measures: unseen speakers, unseen texts (protocol speaker-text), by the labels "
        "and the clips that could be heard.",
        "Name the folder of the missing clips with --data, or mend the list.",
    ]


@pytest.mark.parametrize(
    ("role", "validation"), [("test", 0), ("train", None), ("validation", None)]
)
def test_sounds_are_unknown_on_both_sides_of_a_clip_that_was_not_heard(lay, role, validation):
    result = lay("s0-t0.wav,s0,t0,validation", f"gone.wav,s0,t0,{role}")
    assert (result.report.test["content"], result.report.test["near"]) == (None, None)
    assert result.report.validation["near"] == validation
    assert result.report.validation["content"] == 1  # what was heard counts
    assert result.failures() == ("content", "near")
    assert result.failures(["speaker"]) == (("speaker",) if role == "test" else ())
    assert lay(f"gone.wav,s9,t9,{role}", sound=False).failures() == ()


def test_a_list_without_its_clips_is_refused(tmp_path, cache):
    (tmp_path / "split.csv").write_text("path,role\na.wav,train\nb.wav,test\n")
    with pytest.raises(SerKerasError, match=r"none of its 2 clips can be read. Name the folder"):
        audit.audit(tmp_path / "split.csv", tmp_path, cache=cache)


def test_without_sound_copies_are_known_by_name_but_no_copy_is_not_zero(lay):
    result = lay(sound=False)
    assert (result.report.test["content"], result.report.test["near"]) == (None, None)
    assert (result.rung, result.failures()) == ("speaker-text", ())
    sentence = "Near-duplicates: not compared, because the sound files were not read."
    assert sentence in result.sentences()
    assert lay("s0-t0.wav,s9,t9,test", sound=False).failures() == ("content",)


def test_a_folder_with_sides_is_read_with_the_names_of_a_known_corpus(tmp_path, cache):
    sides = {
        "Train": ["OAF_back_sad", "OAF_bar_sad"],
        "dev": ["OAF_dog_sad"],
        "test": ["YAF_back_sad", "YAF_bath_fear"],
    }
    tess(tmp_path, sides)
    result = audit.audit(tmp_path, cache=cache)
    assert result.listing.counts() == {"train": 2, "validation": 1, "test": 2}
    assert result.report.test == {"content": 0, "near": 0, "speaker": 0, "text": 1}
    assert result.rung == "speaker"
    assert result.listing.notes == (
        "Sides by folder: Train/ = train, dev/ = validation, test/ = test",
        "Speakers read from names, as in the corpus tess (5)",
        "Texts read from names, as in the corpus tess (5)",
    )


def test_a_nested_second_copy_is_the_same_clip_by_name(tmp_path):
    tess(tmp_path, {"train/TESS/OAF_sad": ["OAF_back_sad"], "test/OAF_sad": ["OAF_back_sad"]})
    result = audit.audit(tmp_path, sound=False)
    assert result.failures() == ("content",)


def test_a_folder_of_an_unknown_corpus_has_unknown_speakers(tmp_path, cache):
    tess(tmp_path, {"train": ["one"], "test": ["two"]})
    result = audit.audit(tmp_path, cache=cache)
    assert (result.report.test["speaker"], result.rung) == (None, "unknown")


def test_speakers_of_two_corpora_with_one_id_are_two(tmp_path):
    for name in ("train/a01 (3).wav", "test/n1-01-01-01-03.wav"):  # AESDD, ASED
        write(tmp_path / name, babble(1, seconds=0.6))
    result = audit.audit(tmp_path, sound=False)
    assert result.rung == "speaker-text"


def test_a_fold_of_emobox_is_read_and_its_clips_are_found(tmp_path, cache):
    data = tmp_path / "data"
    result = audit.audit(emobox_fold(tmp_path), data, cache=cache)
    assert result.report.test == {"content": 0, "near": 0, "speaker": 2, "text": 0}
    assert (result.rung, result.listing.form, result.skipped) == ("text", "JSON lines", ())
    assert f"4 clips found by name below {data}" in result.listing.notes


def test_a_run_of_this_package_is_read_with_its_corpus(tiny_index, tmp_path):
    splits.make(tiny_index, "text").write(tmp_path / "run" / "split.csv")
    (tmp_path / "run" / "metrics.json").write_text("{}")
    result = audit.audit(tmp_path / "run", tiny_index.root.parent, sound=False)
    assert (result.listing.form, result.rung) == ("run", "text")
    assert result.listing.table["file"].notna().all()
    assert sum(result.listing.counts().values()) == 112


@pytest.fixture
def learned(sounds, tmp_path):
    """The facts in a bundle of a model that learned from the training clips of `CLIPS`."""
    rows = [f"{s}-{t}.wav,{s},sad,{t},{role}" for s, t, role in CLIPS]
    path = tmp_path / "run" / "split.csv"
    path.parent.mkdir()
    path.write_text("\n".join(["path,speaker,emotion,text,role", *rows, ""]))
    names = [f"{s}-{t}.wav" for s, t, role in CLIPS if role == "train"]
    contents = [audio.inspect(sounds / name).content for name in names]
    return {"learned": contents, "split": path, "corpus": "own", "cache": tmp_path / "cache"}


def given(*paths):
    return {str(path): audio.inspect(path).content for path in paths}


def test_recordings_of_unknown_speakers_are_not_called_unseen(sounds, learned):
    result = audit.against(given(sounds / "s4-t4.wav"), **learned)
    assert result.report.test == {"content": 0, "near": None, "speaker": None, "text": None}
    assert (result.rung, result.measures) == ("unknown", "speakers not known, texts not known")


def test_recordings_that_a_model_learned_are_found_whatever_they_are_called(
    sounds, learned, tmp_path
):
    write(tmp_path / "new.wav", babble(0, seconds=1.2))
    result = audit.against(given(tmp_path / "new.wav", sounds / "s4-t4.wav"), **learned)
    assert result.share("content") == "1 of 2"
    assert result.measures == "seen speakers, seen texts"


def test_near_duplicates_of_training_clips_are_found_if_their_fingerprints_are_cached(
    sounds, learned, tmp_path
):
    write(tmp_path / "softer.wav", 0.3 * babble(0, seconds=1.2))
    softer = given(tmp_path / "softer.wav")
    assert audit.against(softer, **learned).share("near") == "not known"
    store = FeatureStore("own", leakage.SPEC, learned["cache"])
    names = [f"{s}-{t}.wav" for s, t, role in CLIPS if role == "train"]
    store.fill([sounds / name for name in names], learned["learned"])
    result = audit.against(softer, **learned)
    assert (result.share("near"), result.measures) == ("1", "seen speakers, seen texts")


def test_speakers_and_texts_of_recordings_are_compared_with_the_run(tmp_path, cache):
    tess(tmp_path, {"old": ["OAF_back_sad", "OAF_bar_sad"], "new": ["YAF_bar_sad", "YAF_dog_sad"]})
    run = tmp_path / "split.csv"
    rows = [
        f"{path.name},OAF,sad,{path.stem.split('_')[1]},train" for path in tmp_path.glob("old/*")
    ]
    run.write_text("\n".join(["path,speaker,emotion,text,role", *rows, "x.wav,YAF,sad,x,test", ""]))
    old, new = (given(*sorted((tmp_path / side).iterdir())) for side in ("old", "new"))
    result = audit.against(new, old.values(), run, "tess", cache=cache)
    shares = [result.share(kind) for kind in ("content", "speaker", "text")]
    assert shares == ["0 of 2", "0 of 1", "1 of 2"]
    assert (result.rung, result.measures) == ("speaker", "unseen speakers, seen texts")
    of_another_corpus = audit.against(new, old.values(), run, "savee", cache=cache)
    assert of_another_corpus.measures == "unseen speakers, seen texts"  # names say it is TESS


def test_without_the_list_of_a_model_speakers_and_texts_are_not_known(tmp_path, cache):
    tess(tmp_path, {"new": ["YAF_bar_sad"]})
    new = given(*(tmp_path / "new").iterdir())
    result = audit.against(new, ["0" * 16], tmp_path / "none.csv", "tess", cache=cache)
    assert [result.share(kind) for kind in audit.KINDS] == ["0 of 1", *["not known"] * 3]


def test_a_model_without_its_training_clips_is_not_called_clean(sounds, learned):
    result = audit.against(given(sounds / "s4-t4.wav"), **learned | {"learned": []})
    assert (result.share("content"), result.share("near")) == ("not known", "not known")


def test_the_remedies_are_those_for_what_is_shared(lay, tmp_path):
    write(tmp_path / "renamed.wav", 0.5 * babble(0, seconds=1.2))
    result = lay("renamed.wav,s9,t9,test", "s0-t0.wav,s3,t3,train")
    assert result.sentences()[-5:] == [
        "What it measures: seen speakers, seen texts (protocol random).",
        "Leave one clip of each such pair out of training.",
        "Find out which of the labels of these sounds is right.",
        "Report the result as one on seen speakers, or keep the speakers of the test side out of "
        "training.",
        "Report the result as one on seen texts, or keep the texts of the test side out of "
        "training.",
    ]


def real_clips(corpus, cache, n):
    from ser_keras import corpora

    index = corpora.get("savee").index(corpus, cache=cache)
    return [index.root / path for path in index.clips["path"][::11][:n]]


@pytest.mark.corpora
def test_leaks_planted_among_real_recordings_are_found_and_no_others(real_corpora, cache, tmp_path):
    paths = real_clips(real_corpora / "savee", cache, 40)
    rows = [f"{path},{'test' if i % 2 else 'train'}" for i, path in enumerate(paths)]
    list_ = tmp_path / "split.csv"
    list_.write_text("\n".join(["path,role", *rows, ""]))
    clean = audit.audit(list_, cache=cache)
    assert (clean.report.test["content"], clean.report.test["near"]) == (0, 0)
    for i, (name, (_, plant)) in enumerate(PLANTED.items()):
        plant(tmp_path / f"{name}.wav", audio.read(paths[2 * i], RATE))
        (planted,) = tmp_path.glob(f"{name}.*")
        rows.append(f"{planted.name},test")
    list_.write_text("\n".join(["path,role", *rows, ""]))
    result = audit.audit(list_, cache=cache)
    pairs = [pair for pair in result.report.pairs if pair.kind in ("content", "near")]
    assert {pair.first.split(".")[0]: pair.second for pair in pairs} == {
        name: str(paths[2 * i]) for i, name in enumerate(PLANTED)
    }
