"""Bundles of strangers: nothing of them runs, nothing hangs, and one sentence says why."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_keras import bundle, files, plain, trial
from ser_keras.errors import SerKerasError
from tests.faults.hostile import (
    HOSTILE,
    LIGHT,
    MANIFEST,
    WEIGHTS,
    arousal,
    copied,
    edit,
    manifest,
    seal,
)


@pytest.fixture
def copy(tiny_run, tmp_path):
    """A copy of a good bundle, to be spoilt."""
    return copied(tiny_run.folder, tmp_path / "bundle")


def refusal(folder, engine="light"):
    with pytest.raises(SerKerasError) as refused:
        bundle.load_bundle(folder, engine)
    return str(refused.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_in_one_sentence(copy, name):
    hostile = HOSTILE[name]
    hostile.spoil(copy)
    sentence = refusal(copy, hostile.engine)
    assert hostile.words in sentence
    assert len(sentence) < 600
    assert sentence.isprintable()


def test_every_rule_has_a_hostile_bundle():
    rules = {hostile.rule for hostile in HOSTILE.values()}
    assert rules == set("code JSON links hash shapes finite labels settings operators".split())


@pytest.mark.parametrize("engine", ["light", "keras"])
def test_the_bundle_that_is_spoilt_is_a_good_one(copy, engine):
    assert bundle.load_bundle(copy, engine).labels
    arousal()(copy)
    edit(copy, temperature=2)
    assert bundle.load_bundle(copy, engine).pipeline.arousal


def test_the_file_for_the_users_own_keras_is_opened_by_no_engine(copy):
    seal(copy, "model.keras", b"no model")
    assert bundle.load_bundle(copy, "keras").labels


@pytest.fixture
def forgetful(tmp_path, monkeypatch):
    """A machine that has tried no model yet; its cache."""
    monkeypatch.setattr(files, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def children(monkeypatch):
    """The child processes that were started."""
    started, run = [], subprocess.run

    def counted(command, **options):
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    return started


def test_a_strange_model_is_tried_once(copy, forgetful, children):
    for _ in range(2):
        bundle.load_bundle(copy)
    assert len(children) == 1


def test_a_model_that_this_machine_made_is_not_tried(tiny_run, children):
    bundle.load_bundle(tiny_run.folder)
    assert not children


def test_where_nothing_can_be_remembered_a_model_is_tried_each_time(copy, forgetful, children):
    forgetful.write_text("no folder")
    for _ in range(2):
        bundle.load_bundle(copy)
    assert len(children) == 2


def test_a_tensor_whose_name_is_no_text_is_refused(copy, forgetful):
    content = (copy / LIGHT).read_bytes()
    name = b"serving_default_features"
    assert name in content
    seal(copy, LIGHT, content.replace(name, b"\xff" + name[1:]))
    assert "is not a model that LiteRT can run" in refusal(copy)


def child_that(monkeypatch, program):
    """Let the child process run another program."""
    run = subprocess.run
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **options: run([sys.executable, "-c", program], **options),
    )


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashes the light engine"),
        ("import time; time.sleep(60)", "did not end within 1 s"),
        ("raise MemoryError", "crashes the light engine or fills its memory"),
        ("print('no JSON')", "no answer"),
    ],
)
def test_what_ends_the_child_is_one_sentence_here(copy, forgetful, monkeypatch, program, words):
    monkeypatch.setattr(trial, "SECONDS", 1)
    child_that(monkeypatch, program)
    assert words in refusal(copy)
    assert not forgetful.exists()


@pytest.mark.parametrize("label", ["SAD", "wütend", "very sad", "悲しみ", "злость", "class 1"])
def test_a_label_may_be_a_word_of_any_language(copy, label):
    edit(copy, labels=[label, *manifest(copy)["labels"][1:]])
    assert bundle.load_bundle(copy).labels[0] == label


def test_a_manifest_may_list_more_clips_than_any_other_json_may_hold(copy):
    edit(copy, training_clips=[f"{i:016x}" for i in range(60_000)])
    assert (copy / MANIFEST).stat().st_size > plain.MAX_JSON_BYTES
    assert bundle.load_bundle(copy).labels


def opened_or_refused(folder, engine):
    try:
        return bundle.load_bundle(folder, engine)
    except SerKerasError:
        return None


FLIPS = st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    ("name", "engine"),
    [(MANIFEST, "light"), (WEIGHTS, "keras"), (LIGHT, "light"), ("model.keras", "light")],
)
def test_flipped_bytes_are_refused_or_harmless(tiny_run, tmp_path_factory, name, engine, sealed):
    folder = copied(tiny_run.folder, tmp_path_factory.mktemp("flips") / "bundle")
    arousal(slope=0.5)(folder)
    edit(folder, temperature=2.0)
    good = (folder / name).read_bytes()
    described = (folder / MANIFEST).read_bytes()

    @settings(
        max_examples=12 if sealed and name != MANIFEST else 40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(FLIPS)
    def flip(flips):
        content = bytearray(good)
        for place, change in flips:
            content[place % len(content)] ^= change
        (folder / MANIFEST).write_bytes(described)
        (folder / name).write_bytes(content)
        if sealed and name != MANIFEST:
            seal(folder, name, bytes(content))
        opened = opened_or_refused(folder, engine)
        if opened is not None:
            assert sealed or name == MANIFEST or content == good
            assert np.isfinite(opened.pipeline.probabilities([np.zeros((64, 40), "f4")])).all()

    flip()
