"""The page computes what Python computes: features, windows, rows and remarks."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras import adaptation, audio, load_bundle, page
from ser_keras.features import FeatureSpec, extract
from ser_keras.reliability import FAR, NARROW
from ser_keras.speech import Detector, Stretches
from tests.page.engine import (
    Engine,
    array,
    assert_same_rows,
    file_of,
    m4a,
    sum_formants_in_float64,
    with_sinc,
)

pytestmark = pytest.mark.browser

RATES = (8_000, 16_000, 22_050, 44_100, 48_000, 96_000)


@pytest.fixture(scope="module")
def engine(browser):
    opened = Engine(browser)
    yield opened
    browser.evaluate("engine.end()")


@pytest.fixture(scope="module")
def spoken():
    """Return a function that joins sentences of the demonstration corpus, with pauses between."""
    clips = sorted((Path(__file__).parents[2] / "data" / "demo").rglob("*.ogg"))

    def make(count: int, seed: int = 0, rate: int = 22_050) -> np.ndarray:
        rng = np.random.default_rng(seed)
        parts = []
        for path in rng.permutation(clips)[:count]:
            samples, own = soundfile.read(path, dtype="float32")
            parts += [samples, np.zeros(int(own * rng.choice([0.05, 0.3, 1.0, 2.5])), np.float32)]
        return audio.resample_sinc(np.concatenate(parts), own, rate)

    return make


# Windows, rows and what is said of them


def test_a_long_recording_gets_the_rows_of_predict(engine, general, spoken):
    samples = spoken(9)
    expected = list(general.stream(samples, 22_050))
    assert len(expected) > 8
    assert {"no speech", "unsure"} < {row.label for row in expected}
    assert_same_rows(engine.label(file_of(samples)), expected)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
def test_a_minute_gets_the_rows_of_predict_at_every_rate(
    engine, general, spoken, rate, monkeypatch
):
    samples = spoken(24, seed=rate, rate=rate)
    if rate == 8_000:
        sum_formants_in_float64(monkeypatch)
    # Python resamples by default with soxr, and the page with a windowed sinc
    expected = list(general.stream(samples, rate))
    assert_same_rows(engine.label(file_of(samples, rate)), expected, 2e-3)


@pytest.mark.parametrize("seconds", [0.1, 1.0, 5.9, 6.1])
def test_short_recordings_get_the_rows_of_predict(engine, general, spoken, seconds):
    samples = spoken(5)[: int(22_050 * seconds)]
    expected = list(general.stream(samples, 22_050))
    assert (len(expected) > 1) == (seconds > 6)
    assert_same_rows(engine.label(file_of(samples)), expected)


def test_the_command_writes_the_rows_of_the_page(engine, spoken, tmp_path, monkeypatch, capsys):
    from ser_keras.cli import use

    (tmp_path / "a.wav").write_bytes(file_of(spoken(6)))
    monkeypatch.chdir(tmp_path)
    use.main(["a.wav", "--model", "general", "--format", "csv"])
    header, *lines = capsys.readouterr().out.splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    made = engine.label((tmp_path / "a.wav").read_bytes())["rows"]
    assert [(float(row["start"]), float(row["end"]), row["label"]) for row in rows] == [
        (row["start"], row["end"], row["label"]) for row in made
    ]
    for line, row in zip(rows, made, strict=True):
        if row["probabilities"]:
            values = [float(line[name]) for name in line if name.startswith("p_")]
            assert np.abs(np.array(values) - row["probabilities"]).max() < 1e-3


def test_what_was_measured_of_the_model_decides_as_in_python(engine, general, spoken):
    samples = spoken(9)
    assert general.pipeline.reliability.plain.limits
    rows = engine.label(file_of(samples))["rows"]
    assert "unsure" in {row["label"] for row in rows}
    for coverage in general.pipeline.reliability.coverages():
        expected = general.stream(samples, 22_050, possible=coverage)
        made = [
            {p["coverage"]: p["labels"] for p in row["possible"]}.get(coverage, []) for row in rows
        ]
        assert made == [list(row.possible) for row in expected]


def test_a_sound_far_from_all_training_clips_is_said_to_be_so(engine, general):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44_100).astype(np.float32)
    (expected,) = general.stream(noise, 22_050)
    assert FAR in expected.note
    assert_same_rows(engine.label(file_of(noise)), [expected])


def test_a_telephone_is_said_to_be_one(engine, general, voice):
    samples = voice(200, 2.5, 8_000)
    expected = list(general.stream(samples, 8_000))
    assert NARROW in expected[0].note
    assert_same_rows(engine.label(file_of(samples, 8_000)), expected)


def test_how_high_voices_are_is_measured_as_in_python(engine, general, voice):
    clips = [voice(pitch, 1.0, seed=pitch) for pitch in (90, 200, 400)]
    clips.append(np.zeros(22_050, np.float32))  # nothing is voiced in it
    height, features = general.pipeline.reliability.height, general.pipeline.features
    expected = [height.measure(with_sinc(clip, 22_050, features)) for clip in clips]
    made = engine.evaluate(
        f"[{','.join(map(array, clips))}].map(x => Math.max(-1e9, heightOf("
        "extract(x, opened).values.slice(-opened.functionals.size), opened.reliability.height, "
        "opened.functionals)))"
    )
    assert made == pytest.approx(np.maximum(expected, -1e9), abs=5e-3)


KINDS = {
    "two channels": {"channels": (1, 0.5)},
    "channels that cancel each other": {"channels": (1, -0.9)},
    "too loud": {"gain": 6},
    "on one side of 0": {"offset": 1},
    "16 bits": {"subtype": "PCM_16"},
    "24 bits": {"subtype": "PCM_24"},
    "8 bits": {"subtype": "PCM_U8"},
    "a telephone": {"subtype": "ULAW"},
    "float64": {"subtype": "DOUBLE"},
    "an odd rate": {"rate": 44_101},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_wav_gets_the_rows_and_the_notes_of_predict(
    engine, general, spoken, tmp_path, kind
):
    given = dict(KINDS[kind])
    samples = spoken(2)[:60_000] * given.pop("gain", 1) + given.pop("offset", 0)
    if "channels" in given:
        samples = samples[:, None] * np.array(given.pop("channels"), np.float32)
    content = file_of(samples, given.pop("rate", 22_050), **given)
    (tmp_path / "a.wav").write_bytes(content)
    assert_same_rows(engine.label(content), list(general.stream([str(tmp_path / "a.wav")])))


def test_silence_is_a_row_of_a_long_recording_and_refuses_a_short_one(engine, general):
    silence = np.zeros(8 * 22_050, np.float32)
    assert_same_rows(engine.label(file_of(silence)), list(general.stream(silence, 22_050)))
    assert engine.label(file_of(silence[:22_050]))["sentence"].startswith("is silent")


def test_adapted_rows_are_those_of_a_bundle_that_enrolled_the_same_recordings(
    engine, general, spoken
):
    others, samples = [spoken(3, seed) for seed in (4, 5)], spoken(8, seed=6)
    wavs = ",".join(f"{{ samples: {array(each)}, rate: 22050, name: 'a' }}" for each in others)
    made = engine.evaluate(
        f"(async () => {{ const source = {{ samples: {array(samples)}, rate: 22050 }}; "
        "await engine.ask({ type: 'label', id: 'own', ...source }); "
        f"return engine.ask({{ type: 'adapt', items: [{wavs}] }}); }})()"
    )
    adapted = general.enrol(others, 22_050)
    (rows,) = [rows for name, rows in made["rows"] if name == "own"]
    expected = list(adapted.stream(samples, 22_050))
    assert expected[0].adapted_by == made["adaptedBy"] > 2
    assert_same_rows({"rows": rows, "notes": []}, expected)
    engine.evaluate("engine.ask({ type: 'adapt', items: [] }).then(() => 0)")


def test_how_much_recordings_vary_is_measured_as_in_python(engine, general, voice):
    pipeline = general.pipeline
    clips = [voice(pitch, 1.0, seed=pitch) for pitch in (120, 160, 250)]
    frames = [with_sinc(clip, 22_050, pipeline.features) for clip in clips]
    expected = adaptation.variety(
        frames, pipeline.normalization, pipeline.batch, pipeline.probabilities(frames)
    )
    listed = ",".join(map(array, clips))
    made = engine.evaluate(
        f"(() => {{ const vectors = [{listed}].map(x => extract(x, opened).values); "
        "const rows = vectors.map(values => probabilitiesOf("
        "{ frames: 1, width: values.length, values }, opened)); "
        "return varietyOf(vectors, rows, opened); })()"
    )
    assert made == pytest.approx(expected, rel=1e-3)


def test_speech_is_where_python_finds_it(engine, spoken):
    samples = spoken(8, seed=2)
    detector = Detector(22_050)
    expected = [*detector(samples), *detector.finish()]
    made = engine.evaluate(
        "(() => { const d = new SpeechDetector(22050); "
        f"return [...d.push({array(samples)}), ...d.finish()]; }})()"
    )
    assert made == expected


@pytest.mark.parametrize("seed", range(3))
def test_stretches_of_speech_are_those_of_python(engine, seed):
    rng = np.random.default_rng(seed)
    lengths = [*rng.integers(1, 60, 200), 4_000, *rng.integers(1, 60, 20)]  # one of 80 s
    flags = np.repeat(np.arange(len(lengths)) % 2 == 0, lengths)
    parts = np.split(flags, np.sort(rng.integers(0, len(flags), 9)))
    stretches = Stretches(longest_s=30.0)
    expected = [pair for part in parts for pair in stretches(part)] + stretches.finish()
    made = engine.evaluate(
        f"(() => {{ const joiner = new Stretches(), made = []; "
        f"for (const part of {json.dumps([part.tolist() for part in parts])}) "
        "made.push(...joiner.push(part)); return [...made, ...joiner.finish()]; })()"
    )
    assert len(expected) > 20
    assert [tuple(pair) for pair in made] == expected


# Features and probabilities


@pytest.mark.parametrize("rate", RATES)
def test_probabilities_equal_those_of_python(engine, general, voice, rate, monkeypatch):
    samples = voice(180, 2.5, rate, seed=rate)
    (row,) = engine.label(file_of(samples, rate))["rows"]
    if rate == 8_000:
        (default,) = general.stream(samples, rate)
        values = list(default.probabilities.values())
        assert np.abs(np.array(row["probabilities"]) - values).max() < 2e-2
        sum_formants_in_float64(monkeypatch)
    expected = general.pipeline.probabilities([with_sinc(samples, rate, general.pipeline.features)])
    assert np.abs(np.array(row["probabilities"]) - expected[0]).max() < 1e-4


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_the_resampler_of_python_and_that_of_the_page_agree(engine, general, voice, rate):
    samples = voice(180, 2.5, rate, seed=rate)
    made, expected = engine.label(file_of(samples, rate)), list(general.stream(samples, rate))
    assert_same_rows(made, expected, 1e-3)


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "mfcc"},
        {"kind": "log_mel"},
        {"kind": "mfcc", "top_db": None},
        {"kind": "log_mel", "top_db": None},
        {"kind": "speaker_encoder"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_features_equal_those_of_python(engine, voice, settings, rate):
    spec = FeatureSpec(**settings)
    samples = voice(200, 1.0, rate)
    made = engine.features(samples, rate, spec.to_json())
    expected = with_sinc(samples, rate, spec).ravel()
    assert np.abs(made - expected).max() < 1e-3


def test_the_same_sinc_filter_resamples_on_both_sides(engine, voice):
    samples = voice(200, 2.0, 48_000)
    made = engine.evaluate(f"Array.from(resample({array(samples)}, 48000, 22050))")
    assert np.abs(np.array(made) - audio.resample_sinc(samples, 48_000, 22_050)).max() < 1e-6


def test_the_published_network_gives_the_probabilities_of_python(engine, voice):
    """Convolutions, batch normalisation, pooling, LSTM and attention."""
    tess = load_bundle("tess")
    samples = voice(200, 3.0)
    stored = json.dumps(json.dumps(page.settings(tess)))
    made = engine.evaluate(
        f"(() => {{ const m = openModel(JSON.parse({stored})); "
        f"return probabilitiesOf(extract({array(samples)}, m), m); }})()"
    )
    frames = extract(samples, tess.pipeline.features)
    assert np.abs(np.array(made) - tess.pipeline.probabilities([frames])[0]).max() < 1e-3


@pytest.mark.corpora
def test_ten_clips_of_actors_get_the_rows_of_python(engine, general, real_corpora):
    for path in sorted((real_corpora / "ravdess").rglob("*.ogg"))[::150][:10]:
        samples, rate = soundfile.read(path, dtype="float32")
        assert_same_rows(engine.label(file_of(samples, rate)), list(general.stream(samples, rate)))


# The loops in WebAssembly, and what stands in for them


def test_the_browser_computes_with_simd(engine):
    assert engine.evaluate("kernels !== null")


def test_plain_javascript_gives_the_same_rows(browser, engine, spoken):
    content = file_of(spoken(4, seed=7))
    made = engine.label(content)
    slow = Engine(browser, "WebAssembly = undefined;\n").label(content)
    browser.evaluate("engine.end(); globalThis.engine = startEngine(''); 0")
    assert [row["label"] for row in slow["rows"]] == [row["label"] for row in made["rows"]]
    for ours, theirs in zip(slow["rows"], made["rows"], strict=True):
        values = np.array([ours["probabilities"] or 0, theirs["probabilities"] or 0])
        assert np.abs(values[0] - values[1]).max() < 1e-5


@pytest.mark.parametrize(("rows", "columns", "clips"), [(4, 8, 1), (40, 20, 3), (257, 13, 9)])
def test_a_matrix_product_is_exact_for_any_number_of_clips(engine, rows, columns, clips):
    rng = np.random.default_rng(rows)
    inputs, matrix = rng.normal(size=(clips, rows)), rng.normal(size=(rows, columns))
    made = engine.evaluate(
        f"(() => {{ const p = inPanels({array(matrix.ravel())}, {rows}, {columns}); "
        f"const x = numbers({clips} * p.depth), out = numbers({clips} * p.columns); "
        f"const given = {array(inputs.ravel())}; for (let i = 0; i < {clips}; i++) "
        f"x.set(given.subarray(i * {rows}, (i + 1) * {rows}), i * p.depth); "
        f"multiply(x, 0, {clips}, p, out, 0); return Array.from(out); }})()"
    )
    product = np.array(made).reshape(clips, -1)
    assert np.abs(product[:, :columns] - inputs @ matrix).max() < 1e-4
    assert not product[:, columns:].any()


# Other formats are decoded by the browser


# Chromium rounds what it decodes of an MP3 to 16 bits, and libsndfile does not. A quiet recording
# shows it: of 45 clips, those with peaks of 0.03 moved by up to 0.024.
@pytest.mark.parametrize(
    ("name", "tolerance"), [("a.flac", 1e-3), ("a.ogg", 1e-3), ("a.mp3", 0.05), ("a.m4a", 1e-3)]
)
def test_what_the_browser_decodes_comes_close_to_python(
    engine, general, spoken, tmp_path, name, tolerance
):
    samples, rate = spoken(1)[:40_000], 22_050
    is_m4a = name == "a.m4a"  # soundfile writes all others
    content = m4a(samples, rate) if is_m4a else file_of(samples, rate, name[2:], subtype=None)
    (tmp_path / name).write_bytes(content)
    (expected,) = general.stream([str(tmp_path / name)])
    (row,) = engine.label(content, name)["rows"]
    values = list(expected.probabilities.values())
    assert np.abs(np.array(row["probabilities"]) - values).max() < tolerance


def test_an_m4a_is_decoded_at_its_own_rate(engine, voice):
    content = m4a(voice(200, 1.0, 44_100), 44_100)
    text = base64.b64encode(content).decode()
    assert engine.evaluate(f"rateOfMp4(bytesFrom('{text}').buffer)") == 44_100
    assert engine.evaluate("rateOfMp4(new ArrayBuffer(900))") == 0


# Long recordings


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [10, 60])
def test_long_recordings_take_little_memory_and_time_and_leave_the_page_free(
    fresh, spoken, tmp_path, minutes
):
    part = spoken(24)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 22_050, 1) as file:
        for _ in range(int(minutes * 60 * 22_050 / len(part))):
            file.write(part)
    fresh.evaluate(
        "globalThis.gap = 0; globalThis.beat = performance.now(); setInterval(() => { "
        "const now = performance.now(); gap = Math.max(gap, now - beat); beat = now; }, 20)"
    )
    before, begun = fresh.usage()
    fresh.choose("#files", tmp_path / "long.wav")
    highest = before
    while not fresh.evaluate("!!document.querySelector('#results .bars')"):
        highest = max(highest, fresh.usage()[0])
    assert highest - before < 150e6
    assert fresh.usage()[1] - begun < minutes * 60 / 20  # of one core
    assert fresh.evaluate("gap") < 1_000  # ms
