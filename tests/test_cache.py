"""Frames are computed once, stay in a file that any tool opens, and survive every damage."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras import audio
from ser_keras.cache import ClipInfoCache, FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec, extract

ROOT = Path(__file__).resolve().parents[1]
SPEC = FeatureSpec(kind="mfcc", sample_rate=16_000, offset=0.1, n_mfcc=13)


def write_tone(path, hz=440, seconds=0.5):
    time = np.arange(round(22_050 * seconds)) / 22_050
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * time), 22_050)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Twenty tones of different lengths, more than a thread takes at a time."""
    folder = tmp_path_factory.mktemp("clips")
    return [write_tone(folder / f"{i:02}.wav", 200 + 20 * i, 0.3 + 0.05 * i) for i in range(20)]


@pytest.fixture(scope="module")
def contents(clips):
    return [audio.inspect(path).content for path in clips]


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened from now on."""
    names = []
    for name in ("read", "inspect"):
        original = getattr(audio, name)

        def watched(path, *arguments, original=original, **options):
            names.append(Path(path).name)
            return original(path, *arguments, **options)

        monkeypatch.setattr(audio, name, watched)
    return names


def frames_of(path, spec=SPEC):
    return extract(audio.read(path, spec.sample_rate, offset=spec.offset), spec)


def run(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_frames_are_those_of_the_clip(tmp_path, clips, contents, capsys):
    store = FeatureStore("tones", SPEC, tmp_path)
    assert contents[0] not in store
    assert store.fill(clips, contents) == []
    for path, content in zip(clips, contents, strict=True):
        assert content in store
        assert np.array_equal(store[content], frames_of(path))
    assert capsys.readouterr().out == ""
    with pytest.raises(KeyError):
        store["0" * 16]


def test_frames_are_a_view_of_the_file_that_nobody_can_change(tmp_path, clips, contents):
    FeatureStore("tones", SPEC, tmp_path).fill(clips, contents)
    frames = FeatureStore("tones", SPEC, tmp_path)[contents[3]]
    assert type(frames) is np.ndarray
    assert frames.dtype == np.float32
    assert not frames.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 0


def test_any_reader_of_safetensors_opens_the_file(tmp_path, clips, contents):
    store = FeatureStore("tones", SPEC, tmp_path)
    store.fill(clips[:15], contents[:15])
    store.fill(clips, contents)
    raw = store.path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    assert (8 + size) % 64 == 0
    header = json.loads(raw[8 : 8 + size])
    assert raw[8:9] == b"{"
    spec = json.loads(header.pop("__metadata__")["spec"])
    assert FeatureSpec.from_json(spec) == SPEC
    assert set(header) == set(contents)
    end = 0
    for content, entry in header.items():
        start, end = entry["data_offsets"][0], entry["data_offsets"][1]
        numbers = np.frombuffer(raw[8 + size :][start:end], "<f4").reshape(entry["shape"])
        assert entry["dtype"] == "F32"
        assert np.array_equal(numbers, store[content])
    assert 8 + size + end == len(raw)
    spans = sorted(entry["data_offsets"] for entry in header.values())
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))  # the format allows no gaps


def test_the_official_reader_opens_the_file(tmp_path, clips, contents):
    safetensors = pytest.importorskip("safetensors.numpy")
    store = FeatureStore("tones", SPEC, tmp_path)
    store.fill(clips, contents)
    tensors = safetensors.load_file(store.path)
    assert set(tensors) == set(contents)
    assert all(np.array_equal(tensors[content], store[content]) for content in contents)


def test_only_what_is_missing_is_extracted(tmp_path, clips, contents, opened):
    store = FeatureStore("tones", SPEC, tmp_path)
    store.fill(clips[:9], contents[:9])
    assert sorted(opened) == [path.name for path in clips[:9]]
    opened.clear()
    FeatureStore("tones", SPEC, tmp_path).fill(clips[5:], contents[5:])
    assert sorted(opened) == [path.name for path in clips[9:]]
    opened.clear()
    assert FeatureStore("tones", SPEC, tmp_path).fill(clips, contents) == []
    assert opened == []
    store = FeatureStore("tones", SPEC, tmp_path)
    assert len(store) == 20
    assert all(
        np.array_equal(store[content], frames_of(path))
        for path, content in zip(clips, contents, strict=True)
    )


def test_a_content_under_two_names_is_extracted_once(tmp_path, clips, contents, opened):
    store = FeatureStore("tones", SPEC, tmp_path)
    store.fill([clips[0], clips[1], clips[0]], [contents[0], contents[1], contents[0]])
    assert len(opened) == len(store) == 2


def test_each_spec_and_corpus_has_its_own_file(tmp_path, clips, contents):
    other = FeatureSpec(kind="log_mel", n_mels=20)
    for name, spec in (("tones", SPEC), ("tones", other), ("sounds", SPEC)):
        store = FeatureStore(name, spec, tmp_path / "new")
        assert len(store) == 0
        store.fill(clips[:1], contents[:1])
        assert store.path.name == f"{name}-{spec.key}.safetensors"
        assert store[contents[0]].shape[1] == spec.n_features


def test_threads_change_nothing_in_the_file(tmp_path, clips, contents):
    one = FeatureStore("tones", SPEC, tmp_path / "one")
    one.fill(clips, contents, jobs=1)
    three = FeatureStore("tones", SPEC, tmp_path / "three")
    three.fill(clips, contents, jobs=3)
    assert one.path.read_bytes() == three.path.read_bytes()


def test_an_isolated_extractor_runs_in_other_processes(tmp_path, clips, contents):
    def process_id(samples, spec):
        return np.full((1, spec.n_features), os.getpid(), np.float32)

    for isolated in (False, True):
        store = FeatureStore(f"tones-{isolated}", SPEC, tmp_path, process_id, isolated=isolated)
        store.fill(clips[:2], contents[:2])
        assert (store[contents[0]][0, 0] != np.float32(os.getpid())) == isolated


def test_a_clip_that_cannot_be_read_is_skipped_and_tried_again(tmp_path, clips, contents):
    bad = tmp_path / "bad.wav"
    bad.touch()
    paths, names = [*clips[:10], bad, *clips[10:]], [*contents[:10], "b" * 16, *contents[10:]]
    store = FeatureStore("tones", SPEC, tmp_path)
    (skipped,) = store.fill(paths, names)
    assert str(skipped) == f"{bad}: is empty."
    assert len(store) == 20
    before = store.path.stat()
    assert store.fill(paths, names) == [skipped]
    assert store.path.stat().st_ino == before.st_ino  # nothing new: nothing written
    write_tone(bad)
    assert store.fill(paths, names) == []
    assert np.array_equal(store["b" * 16], frames_of(bad))


def test_a_clip_that_cannot_be_read_is_an_error_if_strict(tmp_path, clips, contents):
    store = FeatureStore("tones", SPEC, tmp_path / "cache")
    paths = [*clips, tmp_path / "no.wav"]
    with pytest.raises(SerKerasError, match=r"no\.wav: does not exist\."):
        store.fill(paths, [*contents, "b" * 16], strict=True)
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_if_all_clips_are_bad_there_is_no_file(tmp_path):
    store = FeatureStore("tones", SPEC, tmp_path)
    (skipped,) = store.fill([tmp_path / "no.wav"], ["b" * 16])
    assert skipped.reason == "does not exist"
    assert not store.path.exists()


def test_paths_and_contents_must_match(tmp_path, clips, contents):
    with pytest.raises(ValueError, match="zip"):
        FeatureStore("tones", SPEC, tmp_path).fill(clips, contents[:-1])


def altered(header=None, **entry):
    """Return a function that changes the header of a safetensors file, or its first entry."""

    def alter(raw):
        size = int.from_bytes(raw[:8], "little")
        old = json.loads(raw[8 : 8 + size])
        if entry:
            name = next(name for name in old if name != "__metadata__")
            old[name] |= entry
        new = json.dumps(old if header is None else header(old)).encode().ljust(size)
        return len(new).to_bytes(8, "little") + new + raw[8 + size :]

    return alter


DAMAGE = {
    "empty": lambda raw: b"",
    "too short for a length": lambda raw: raw[:7],
    "half a header": lambda raw: raw[:100],
    "numbers cut off": lambda raw: raw[:-4],
    "more than the header says": lambda raw: raw + bytes(4),
    "a header longer than the file": lambda raw: (1 << 62).to_bytes(8, "little") + raw[8:],
    "no JSON": lambda raw: raw[:8] + b"[" * (len(raw) - 8),
    "not UTF-8": lambda raw: raw[:12] + b"\xff" + raw[13:],
    "a list": altered(lambda old: [old]),
    "no clips": altered(lambda old: {"__metadata__": old["__metadata__"]}),
    "no metadata": altered(lambda old: {name: old[name] for name in old if "_" not in name}),
    "a clip less": altered(lambda old: dict(list(old.items())[:-1])),
    "an entry that is a number": altered(lambda old: old | {"b" * 16: 7}),
    "another order": altered(lambda old: dict(list(old.items())[::-1])),
    "other numbers": altered(dtype="F64"),
    "other columns": altered(shape=[13, 13]),
    "no shape": altered(shape=[]),
    "words for a shape": altered(shape=["a", "b"]),
    "outside": altered(data_offsets=[0, 1 << 60]),
    "negative": altered(data_offsets=[-52, 0]),
    "more keys": altered(more=1),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_counts_as_absent_and_is_replaced(tmp_path, clips, contents, damage):
    store = FeatureStore("tones", SPEC, tmp_path)
    store.fill(clips[:3], contents[:3])
    good = store.path.read_bytes()
    store.path.write_bytes(DAMAGE[damage](good))
    store = FeatureStore("tones", SPEC, tmp_path)
    assert len(store) == 0
    assert contents[0] not in store
    assert store.fill(clips[:3], contents[:3]) == []
    assert store.path.read_bytes() == good


FILL = """
import os, signal, sys
from pathlib import Path
from ser_keras import audio
from ser_keras.cache import FeatureStore
from ser_keras.features import FeatureSpec

folder, clips, deadly = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
spec = FeatureSpec(kind="mfcc", sample_rate=16_000, offset=0.1, n_mfcc=13)
original = audio.read

def read(path, *arguments, **options):
    if path.name == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    print(path.name, flush=True)
    return original(path, *arguments, **options)

audio.read = read
paths = sorted(clips.iterdir())
print("ready", flush=True)
sys.stdin.readline()
store = FeatureStore("tones", spec, folder)
store.fill(paths, [audio.inspect(path).content for path in paths], jobs=1)
assert len(store) == len(paths)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_fill_that_is_killed_leaves_the_old_file(tmp_path, clips, contents):
    store = FeatureStore("tones", SPEC, tmp_path)
    store.fill(clips[:3], contents[:3])
    before = store.path.read_bytes()
    killed = run(FILL, tmp_path, clips[0].parent, clips[-1].name, stdin=subprocess.PIPE)
    killed.communicate("go\n")
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".*.partial*"))  # it was killed in the midst of writing
    assert store.path.read_bytes() == before
    store = FeatureStore("tones", SPEC, tmp_path)
    assert store.fill(clips, contents) == []
    assert len(store) == 20
    assert not list(tmp_path.glob(".*.partial*"))


def test_two_processes_share_the_work(tmp_path, clips, contents):
    both = [run(FILL, tmp_path, clips[0].parent, "-", stdin=subprocess.PIPE) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    done = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], done
    read = "".join(out for out, _ in done).split()
    assert sorted(read) == [path.name for path in clips]  # each clip once, by one or the other
    store = FeatureStore("tones", SPEC, tmp_path)
    assert all(
        np.array_equal(store[content], frames_of(path))
        for path, content in zip(clips, contents, strict=True)
    )


def test_memory_does_not_grow_with_the_corpus(tmp_path, clips):
    spec = FeatureSpec(kind="log_mel", hop_length=256)

    def peak(name, count):
        store = FeatureStore(name, spec, tmp_path)
        tracemalloc.start()
        store.fill([clips[-1]] * count, [f"{i:016x}" for i in range(count)], jobs=2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(store) == count
        return peak

    peak("first", 30)  # imports, constants
    few = peak("few", 30)
    # 270 clips more have 15 MB of frames; what the threads have in hand differs by about 1 MB
    assert peak("many", 300) - few < 4e6


def test_a_warm_store_imports_nothing_and_opens_no_clip(tmp_path, clips, contents):
    FeatureStore("tones", SPEC, tmp_path).fill(clips, contents)
    ClipInfoCache(tmp_path).inspect(clips)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ser_keras.cache import FeatureStore, ClipInfoCache\n"
        "from ser_keras.features import FeatureSpec\n"
        "folder, clips = Path(sys.argv[1]), sorted(Path(sys.argv[2]).iterdir())\n"
        "known, skipped = ClipInfoCache(folder).inspect(clips)\n"
        "spec = FeatureSpec(kind='mfcc', sample_rate=16_000, offset=0.1, n_mfcc=13)\n"
        "store = FeatureStore('tones', spec, folder)\n"
        "skipped += store.fill(clips, [clip.content for clip in known.values()])\n"
        "frames = [store[clip.content] for clip in known.values()]\n"
        "heavy = 'joblib', 'tqdm', 'filelock', 'scipy', 'soundfile', 'soxr', 'pandas', 'librosa'\n"
        "print(len(frames), skipped, [name for name in heavy if name in sys.modules])"
    )
    process = run(code, tmp_path, clips[0].parent)
    assert process.communicate() == ("20 [] []\n", "")


def test_a_known_clip_is_not_opened_again(tmp_path, clips, opened):
    first, skipped = ClipInfoCache(tmp_path).inspect(clips)
    assert skipped == []
    assert sorted(opened) == [path.name for path in clips]
    opened.clear()
    assert ClipInfoCache(tmp_path).inspect(clips) == (first, [])
    assert opened == []
    assert first[clips[4]] == audio.inspect(clips[4])


def test_clips_are_returned_by_the_given_objects_in_their_order(tmp_path, clips, monkeypatch):
    monkeypatch.chdir(clips[0].parent)
    given = [clips[7], "02.wav", str(clips[11]), clips[7]]
    known, _ = ClipInfoCache(tmp_path).inspect(given)
    assert list(known) == given[:3]
    again, _ = ClipInfoCache(tmp_path).inspect([clips[2]])
    assert again[clips[2]] == known["02.wav"]


def test_a_file_that_has_changed_is_read_again(tmp_path, opened):
    path = write_tone(tmp_path / "tone.wav", 300)
    old = ClipInfoCache(tmp_path).inspect([path])[0][path]
    time = path.stat().st_mtime_ns
    write_tone(path, 400)  # as long as before
    os.utime(path, ns=(time + 1_000_000, time + 1_000_000))
    new = ClipInfoCache(tmp_path).inspect([path])[0][path]
    assert new.content != old.content
    write_tone(path, 400, seconds=0.6)
    os.utime(path, ns=(time + 1_000_000, time + 1_000_000))
    assert ClipInfoCache(tmp_path).inspect([path])[0][path].duration == 0.6
    assert len(opened) == 3


def test_a_file_that_cannot_be_read_is_skipped_each_time(tmp_path, clips):
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    for _ in range(2):
        known, skipped = ClipInfoCache(tmp_path).inspect(
            [clips[0], bad, tmp_path / "no.wav", clips[1]]
        )
        assert list(known) == clips[:2]
        assert [item.path for item in skipped] == [str(bad), str(tmp_path / "no.wav")]
        assert skipped[0].reason.startswith("is in no format that is read")
        assert skipped[1].reason == "does not exist"


def test_rows_that_another_process_adds_meanwhile_stay(tmp_path, clips, monkeypatch, opened):
    original = audio.inspect

    def inspect(path):
        if path == clips[0]:  # another process comes in between
            ClipInfoCache(tmp_path).inspect(clips[5:7])
        return original(path)

    monkeypatch.setattr(audio, "inspect", inspect)
    ClipInfoCache(tmp_path).inspect(clips[:2])
    opened.clear()
    known, _ = ClipInfoCache(tmp_path).inspect([*clips[:2], *clips[5:7]])
    assert len(known) == 4
    assert opened == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: '{"format": 1, "clips": []}',
        lambda text: text.replace("22050", '"22050"'),
        lambda text: text.replace("22050", "22050, 1"),
        lambda text: text.replace("0.3", "1e999"),
        lambda text: json.dumps(json.loads(text) | {"clips": {str(Path(text).absolute()): 1}}),
    ],
)
def test_a_damaged_cache_of_clips_counts_as_absent(tmp_path, clips, opened, damage):
    cache = ClipInfoCache(tmp_path)
    first = cache.inspect(clips[:1])
    cache.path.write_text(damage(cache.path.read_text()))
    opened.clear()
    assert cache.inspect(clips[:1]) == first
    assert len(opened) == 1
    assert cache.inspect(clips[:1]) == first
    assert len(opened) == 1


def test_a_file_that_is_put_there_during_the_search_is_read_and_remembered_later(
    tmp_path, monkeypatch, opened
):
    path, watched = tmp_path / "late.wav", audio.inspect

    def inspect(path):
        if not path.exists():
            write_tone(path)
        return watched(path)

    monkeypatch.setattr(audio, "inspect", inspect)
    for _ in range(3):  # the first time there is no size and time of change to remember it by
        known, skipped = ClipInfoCache(tmp_path).inspect([path])
        assert list(known) == [path]
        assert skipped == []
    assert len(opened) == 2
