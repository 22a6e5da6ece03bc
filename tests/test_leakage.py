"""Leakage: which copies are found, which likenesses are none, and what a protocol refuses."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_keras import audio, features, files, leakage, recipes, splits
from ser_keras.errors import SerKerasError

RATE = 22_050


def babble(seed, seconds=2.0, start=None):
    """Return something that changes as speech does: twelve tones with wandering levels.

    `start` is another seed, which the first half is made from, as a phrase that clips begin with.
    """
    time = np.arange(int(seconds * RATE)) / RATE
    knots = np.arange(0, seconds + 0.08, 0.08)
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 12, (12, len(knots)))
    if start is not None:
        same = np.random.default_rng(start).normal(0, 12, levels.shape)
        levels[:, : len(knots) // 2] = same[:, : len(knots) // 2]
    level = np.stack([np.interp(time, knots, row) for row in levels])
    tones = np.sin(2 * np.pi * np.geomspace(150, 3400, 12)[:, None] * time)
    samples = (10 ** (level / 20) * tones).sum(axis=0) + rng.normal(0, 0.05, len(time))
    return (0.2 * samples / np.abs(samples).max()).astype(np.float32)


def fingerprint(samples, rate=RATE):
    return features.extract(
        audio.from_samples(samples, rate, leakage.SPEC.sample_rate), leakage.SPEC
    )


def resampled(samples, rate):
    return audio.from_samples(samples, RATE, rate), rate


def noisy(samples):
    level = np.sqrt(np.mean(samples**2)) / 10  # 20 dB below
    return samples + np.random.default_rng(0).normal(0, level, len(samples)).astype(np.float32)


COPIES = {
    "softer": lambda x: (0.05 * x, RATE),
    "half a second cut off at the start": lambda x: (x[RATE // 2 :], RATE),
    "half a second cut off at the end": lambda x: (x[: -RATE // 2], RATE),
    "half a second of silence before": lambda x: (np.pad(x, (RATE // 2, 0)), RATE),
    "resampled to 44.1 kHz": lambda x: resampled(x, 44_100),
    "resampled to 11.025 kHz": lambda x: resampled(x, 11_025),
    "eight bits": lambda x: (np.round(x * 127) / 127, RATE),
    "noise": lambda x: (noisy(x), RATE),
    "a part of a frame cut off": lambda x: (x[113:], RATE),
    "all at once": lambda x: resampled(0.3 * noisy(x)[RATE // 3 : -RATE // 7], 16_000),
}


def split_of(rows, protocol="random"):
    """Return a split of rows (path, role, content, speaker, text)."""
    table = pd.DataFrame(rows, columns=["path", "role", "content", "speaker", "text"])
    table = table.astype("string").assign(corpus="own", emotion="sad")
    return splits.Split("own", protocol, 0, 0, table, splits.PROTOCOLS[protocol].forbids)


def clips_of(sounds, roles, protocol="random"):
    """Return a split in which every sound has a speaker and a text of its own."""
    rows = [(f"{name}.wav", roles[name], name, f"s-{name}", f"t-{name}") for name in sounds]
    return split_of(rows, protocol)


@pytest.mark.parametrize("change", COPIES, ids=str)
def test_an_altered_copy_is_found_among_others(change):
    sounds = {f"other-{i}": fingerprint(babble(i)) for i in range(20)}
    sounds["original"] = fingerprint(babble(99))
    sounds["copy"] = fingerprint(*COPIES[change](babble(99)))
    split = clips_of(sounds, dict.fromkeys(sounds, "train") | {"copy": "test"})
    report = leakage.check(split, sounds)
    assert report.test["near"] == 1
    assert [(pair.first, pair.second) for pair in report.pairs] == [("copy.wav", "original.wav")]


def test_clips_that_begin_with_the_same_phrase_are_no_copies():
    sounds = {f"word-{i}": fingerprint(babble(i, start=1000)) for i in range(24)}
    split = clips_of(sounds, {n: "test" if i % 2 else "train" for i, n in enumerate(sounds)})
    assert leakage.check(split, sounds).test["near"] == 0


def test_clips_of_very_different_length_are_no_copies():
    whole = babble(1, seconds=4.0)
    sounds = {"whole": fingerprint(whole), "part": fingerprint(whole[: len(whole) // 4])}
    split = clips_of(sounds, {"whole": "train", "part": "test"})
    assert leakage.check(split, sounds).test["near"] == 0


@pytest.mark.parametrize("samples", [80, 400, 1200, 4000])
def test_clips_of_a_few_frames_do_no_harm(samples):
    sounds = {"short": fingerprint(babble(1)[:samples]), "long": fingerprint(babble(2))}
    split = clips_of(sounds, {"short": "test", "long": "train"})
    assert leakage.check(split, sounds).test["near"] == 0


def test_many_clips_are_searched_in_blocks(monkeypatch):
    sounds = {f"{i}": fingerprint(babble(i, seconds=0.8)) for i in range(30)}
    copies = {f"{i}-copy": fingerprint(0.5 * babble(i, seconds=0.8)) for i in range(30)}
    roles = dict.fromkeys(sounds, "train") | dict.fromkeys(copies, "test")
    monkeypatch.setattr(leakage, "_BLOCK", 7)
    report = leakage.check(clips_of(sounds | copies, roles), sounds | copies)
    assert report.test["near"] == 30
    assert {(p.first, p.second) for p in report.pairs} == {
        (f"{i}-copy.wav", f"{i}.wav") for i in range(30)
    }


def test_the_cost_of_a_clip_does_not_grow_with_the_clips_but_for_one_product(monkeypatch):
    made, compared = [], []
    prints, similarity = leakage._print, leakage._similarity
    monkeypatch.setattr(leakage, "_print", lambda *x: made.append(x[1]) or prints(*x))
    monkeypatch.setattr(leakage, "_similarity", lambda *x: compared.append(0) or similarity(*x))
    sounds = {f"{i}": fingerprint(babble(i, seconds=0.8, start=1000)) for i in range(40)}
    roles = {name: "test" if i % 4 == 0 else "train" for i, name in enumerate(sounds)}
    roles |= {name: "validation" for i, name in enumerate(sounds) if i % 4 == 1}
    leakage.check(clips_of(sounds, roles), sounds)
    assert sorted(made, key=int) == list(sounds)  # each once, although sides are compared twice
    assert 0 < len(compared) <= 3 * (10 + 10)  # of test and of validation clips


@pytest.mark.parametrize("frames", [1, 2, 7, 300])
def test_the_loud_parts_of_a_clip_are_its_98th_percentile(frames):
    decibel = np.random.default_rng(frames).normal(-40, 15, (frames, 24)).astype(np.float32)
    assert leakage._high(decibel) == pytest.approx(np.quantile(decibel, 0.98), abs=1e-5)


def test_near_duplicates_of_validation_and_training_are_counted_apart():
    sounds = {"a": fingerprint(babble(1)), "b": fingerprint(babble(1)[200:])}
    sounds["c"] = fingerprint(babble(2))
    split = clips_of(sounds, {"a": "train", "b": "validation", "c": "test"})
    report = leakage.check(split, sounds)
    assert (report.test["near"], report.validation["near"]) == (0, 1)
    leakage.enforce(report, split)


def mixed(protocol="random"):
    """Return a split whose sides share one sound, one speaker and two texts."""
    return split_of(
        [
            ("a.wav", "train", "11", "OAF", "back"),
            ("b.wav", "train", "22", "OAF", "bar"),
            ("c.wav", "validation", "33", "JK", "bar"),
            ("d.wav", "validation", "44", "JK", "base"),
            ("e.wav", "test", "22", "OAF", "base"),
            ("f.wav", "test", "55", "YAF", "bar"),
        ],
        protocol,
    )


def test_sounds_speakers_and_texts_on_both_sides_are_counted():
    report = leakage.check(mixed())
    assert report.test == {"content": 1, "near": None, "speaker": 1, "text": 2}
    assert report.validation == {"content": 0, "near": None, "speaker": 0, "text": 1}
    assert [str(pair) for pair in report.pairs] == [
        "e.wav and b.wav (22)",
        "e.wav and a.wav (OAF)",
        "e.wav and d.wav (base)",
        "f.wav and b.wav (bar)",
    ]


def test_a_speaker_or_text_of_another_corpus_is_another_one():
    split = mixed()
    split.table["corpus"] = ["tess", "tess", "tess", "tess", "savee", "savee"]
    assert leakage.check(split).test == {"content": 1, "near": None, "speaker": 0, "text": 0}


def test_what_nobody_knows_is_not_called_clean():
    split = mixed()
    split.table["speaker"] = pd.array([pd.NA] * 6, dtype="string")
    report = leakage.check(split)
    assert report.test["speaker"] is None
    assert report.table().splitlines()[3].split() == ["speaker", *("not", "known") * 2]


def test_the_table_names_kinds_and_both_comparisons():
    assert leakage.check(mixed()).table().splitlines() == [
        "shared          test and the rest  validation and training",
        "sound                           1                        0",
        "near-duplicate          not known                not known",
        "speaker                         1                        0",
        "text                            2                        1",
    ]


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("paper", ("content",)),
        ("random", ("content",)),
        ("speaker", ("content", "speaker")),
        ("text", ("content", "text")),
        ("speaker-text", ("content", "speaker", "text")),
    ],
)
def test_what_is_forbidden_depends_on_the_protocol(protocol, expected):
    split = mixed(protocol)
    assert leakage.check(split).forbidden(split.forbids) == expected


def test_a_forbidden_leak_is_an_error_that_names_the_clips():
    split = mixed("random")
    with pytest.raises(SerKerasError) as caught:
        leakage.enforce(leakage.check(split), split)
    assert str(caught.value) == (
        "split of own: test shares 1 sound with training: e.wav and b.wav (22). "
        "Leave one of each pair out: the protocol random forbids it."
    )


def test_near_duplicates_are_refused_by_all_but_the_published_protocol():
    sounds = {"a": fingerprint(babble(1)), "b": fingerprint(0.5 * babble(1))}
    roles = {"a": "train", "b": "test"}
    report = leakage.check(clips_of(sounds, roles), sounds)
    leakage.enforce(report, clips_of(sounds, roles, "paper"))
    with pytest.raises(SerKerasError, match=r"1 near-duplicate with training: b.wav and a.wav \(1"):
        leakage.enforce(report, clips_of(sounds, roles, "speaker"))


@pytest.mark.parametrize(
    ("sounds", "sentence"),
    [
        ({"a": np.zeros((50, 24), np.float32)}, "there is none of b"),
        (dict.fromkeys("ab", np.zeros((50, 40), np.float32)), r"has the shape \(50, 40\), not"),
    ],
)
def test_fingerprints_of_another_kind_are_refused(sounds, sentence):
    split = clips_of("ab", {"a": "train", "b": "test"})
    with pytest.raises(SerKerasError, match=sentence):
        leakage.check(split, sounds)


def test_every_protocol_of_splits_passes_its_own_gate():
    rows = [
        (f"{speaker}/{emotion}-{text}.wav", speaker, emotion, text)
        for speaker in "ABCD"
        for emotion in ("sad", "happy", "calm")
        for text in "abcdefghij"
    ]
    table = pd.DataFrame(rows, columns=["path", "speaker", "emotion", "text"]).astype("string")
    unmarked = pd.array([pd.NA] * len(table), dtype="string")
    table = table.assign(
        corpus="own", content=table["path"].map(files.digest), duplicate_of=unmarked
    )
    index = type("Index", (), {"corpus": "own", "table": table})
    draw = recipes.get("attention-tess").draw
    for protocol in ("paper", *splits.of_one_corpus("own")):
        for fold in range(splits.folds(index, protocol)):
            split = splits.make(index, protocol, fold=fold, draw=draw)
            leakage.enforce(leakage.check(split), split)


def fingerprints_of(index, cache):
    from ser_keras.cache import FeatureStore

    store = FeatureStore(f"{index.corpus}-fingerprints", leakage.SPEC, folder=cache)
    paths = [index.root / path for path in index.table["path"]]
    assert store.fill(paths, list(index.table["content"])) == []
    return store


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["tess", "ravdess"])
def test_other_words_and_other_takes_of_real_speakers_are_no_copies(real_corpora, cache, name):
    from ser_keras import corpora

    index = corpora.get(name).index(real_corpora / name, cache=cache)
    split = splits.make(index, "random")
    assert leakage.check(split, fingerprints_of(index, cache)).test["near"] == 0


@pytest.mark.corpora
def test_ased_holds_recordings_of_one_speaker_under_the_name_of_another(real_corpora, cache):
    from ser_keras import corpora

    index = corpora.get("ased").index(real_corpora / "ased", cache=cache)
    sounds = fingerprints_of(index, cache)
    all_of_them = index.table.assign(duplicate_of=pd.array([pd.NA] * len(index.table), "string"))
    unmended = all_of_them.drop_duplicates("content")
    split = splits.make(dataclasses.replace(index, table=unmended), "speaker")
    report = leakage.check(split, sounds)
    assert [(pair.first, pair.second) for pair in report.pairs if pair.kind == "near"] == [
        ("01Neutral/n1-05-02-02-45.ogg", "01Neutral/n1-05-01-02-52.ogg"),
        ("02Fearful/f2-04-01-01-25.ogg", "02Fearful/f2-04-01-01-23.ogg"),
        ("03Happy/h3-07-01-01-25.ogg", "03Happy/h3-07-01-01-23.ogg"),
        ("03Happy/h3-07-01-02-45.ogg", "03Happy/h3-07-01-02-39.ogg"),
    ]
    with pytest.raises(SerKerasError, match="test shares 4 near-duplicates with training"):
        leakage.enforce(report, split)
    mended = splits.make(index, "speaker")  # its loader names them all
    leakage.enforce(leakage.check(mended, sounds), mended)
