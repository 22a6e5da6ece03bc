import json

import numpy as np
import pytest

from ser_keras import augment
from ser_keras.augment import (
    Augmentation,
    CropOrPad,
    DecibelNoise,
    FrequencyMask,
    FrequencyShift,
    Gain,
    ImageShiftZoomFlip,
    NoiseAtSNR,
    PitchShift,
    PitchShiftAlongTime,
    PolarityInversion,
    Reverberation,
    TimeMask,
    TimeShift,
    TimeStretch,
    varied_frames,
)
from ser_keras.errors import SerKerasError
from tests.augment.signals import RATE, picture, rng, tone

WAVEFORM = [
    Gain(),
    NoiseAtSNR(),
    PitchShift(),
    TimeStretch(),
    PolarityInversion(),
    CropOrPad(),
    Reverberation(),
]
FRAMES = [
    DecibelNoise(),
    PitchShiftAlongTime(),
    FrequencyMask(),
    TimeMask(),
    FrequencyShift(),
    TimeShift(),
    ImageShiftZoomFlip(),
    ImageShiftZoomFlip(through="layers"),
]


@pytest.mark.parametrize("step", [*WAVEFORM, *FRAMES], ids=lambda step: type(step).__name__)
def test_a_step_repeats_itself_for_a_stream_and_leaves_its_input_unchanged(step):
    where = (RATE,) if step.level == "waveform" else ()
    value = tone() if where else rng().normal(-40, 10, (130, 40)).astype(np.float32)
    before = value.copy()
    first, second = (step.apply(value, rng(1), *where) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(value, before)
    assert first.dtype == np.float32
    assert not np.array_equal(first, before)
    if not where:
        assert first.shape == value.shape


def test_only_the_steps_of_a_level_are_applied():
    augmentation = Augmentation(steps=(PolarityInversion(), TimeShift(frames=(1, 1))))
    np.testing.assert_array_equal(augmentation.apply("waveform", tone(), rng(), RATE), -tone())
    np.testing.assert_array_equal(
        augmentation.apply("frames", picture(3, 2), rng()), picture(3, 2)[[0, 0, 1]]
    )
    assert augmentation.works_on("frames")
    assert not augmentation.works_on("image")


def test_a_varied_waveform_has_the_features_of_the_varied_samples(tmp_path):
    import soundfile

    from ser_keras.features import FeatureSpec, extract

    spec = FeatureSpec(kind="log_mel", sample_rate=RATE, n_mels=20, offset=0.25, top_db=None)
    soundfile.write(tmp_path / "tone.wav", tone() / 2, RATE, subtype="FLOAT")
    augmentation = Augmentation(steps=(Gain(factor=(2.0, 2.0)), TimeShift()))
    frames = varied_frames(tmp_path / "tone.wav", spec, augmentation, rng())
    np.testing.assert_allclose(frames, extract(tone()[RATE // 4 :], spec), atol=1e-3)


def test_each_step_is_applied_with_its_probability():
    augmentation = Augmentation(
        steps=(TimeShift(frames=(1, 1)), FrequencyShift(bands=(1, 1))), probability=0.6
    )
    frames = picture(5, 4)
    results = [augmentation.apply("frames", frames, rng(i))[-1, -1] for i in range(600)]
    untouched = np.mean([value == frames[-1, -1] for value in results])
    assert untouched == pytest.approx(0.4**2, abs=0.05)
    assert len(set(results)) == 4


def test_forms_are_numbered_from_the_clip_itself():
    assert list(Augmentation().numbers) == [0]
    assert list(Augmentation(steps=("gain",), copies=2).numbers) == [0, 1, 2]
    assert list(Augmentation(steps=("gain",), copies=2, keep_original=False).numbers) == [1, 2]


def test_streams_differ_by_clip_and_form_and_by_epoch_only_if_drawn_anew():
    once, anew = Augmentation(), Augmentation(when="epoch")

    def draw(augmentation, **changes):
        where = {"content": "a", "number": 1, "level": "frames", "epoch": 0} | changes
        return augmentation.stream(0, **where).random()

    assert draw(once) == draw(once, epoch=5)
    assert draw(anew) != draw(anew, epoch=5)
    assert draw(anew, level="waveform") == draw(anew, level="waveform", epoch=5)
    assert len({draw(once, **c) for c in ({}, {"content": "b"}, {"number": 2})}) == 3


def test_it_survives_json_and_names_its_steps():
    augmentation = Augmentation(
        steps=("image-shift-zoom-flip", TimeMask(limit=(5, 9), fill=0.0), NoiseAtSNR()), copies=3
    )
    assert augmentation.steps[0] == ImageShiftZoomFlip()
    value = json.loads(json.dumps(augmentation.to_json()))
    assert value["copies"] == 3
    assert value["steps"][1] == {"step": "time-mask", "limit": [5, 9], "fill": 0.0}
    assert value["steps"][2]["step"] == "noise-at-snr"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Gain(factor=(1.3, 0.7)), "augment Gain.factor: cannot be (1.3, 0.7). Give two nu"),
        (lambda: NoiseAtSNR(snr_db=(0.0,)), "augment NoiseAtSNR.snr_db"),
        (lambda: PitchShift(semitones=(-99.0, 0.0)), "from -24.0 to 24.0"),
        (lambda: TimeStretch(rate=(0.0, 1.0)), "from 0.25 to 4.0"),
        (lambda: CropOrPad(duration_s=0), "augment CropOrPad.duration_s"),
        (lambda: Reverberation(wet=(-0.1, 0.2)), "augment Reverberation.wet"),
        (lambda: DecibelNoise(deviation_db=float("nan")), "augment DecibelNoise.deviation_db"),
        (lambda: TimeMask(limit=(1.5, 2)), "two whole numbers"),
        (lambda: FrequencyMask(fill="silence"), "Give 'floor', 'mean' or a number"),
        (lambda: ImageShiftZoomFlip(zoom=1.0), "augment ImageShiftZoomFlip.zoom"),
        (lambda: ImageShiftZoomFlip(through="torch"), "Give one of 'legacy', 'layers'"),
        (lambda: Augmentation(steps=("time-warp",)), "augment.steps time-warp: no such step"),
        (lambda: Augmentation(steps=("time_mask",)), "Did you mean time-mask"),
        (lambda: Augmentation(steps=(3,)), "augment.steps 3: no such step. Choose one of gain"),
        (lambda: Augmentation(probability=1.5), "augment.probability: cannot be 1.5"),
        (lambda: Augmentation(copies=0), "from 1 to 100"),
        (lambda: Augmentation(when="always"), "Give one of 'once', 'epoch'"),
    ],
)
def test_an_invalid_value_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(SerKerasError) as caught:
        make()
    assert sentence in str(caught.value)


def test_every_step_of_the_modules_has_a_name_and_can_be_imported():
    tested = {type(step) for step in (*WAVEFORM, *FRAMES)}
    assert set(augment.STEPS.values()) == tested
    for name, step in augment.STEPS.items():
        assert getattr(augment, step.__name__) is step
        assert step.__name__ in augment.__all__
        assert augment.step_name(step()) == name
        assert step.level in augment.LEVELS
