import json

import numpy as np
import pytest

from ser_keras import seeding
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

RATE = 16_000
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
STILL = {"ty": 0.0, "zx": 1.0, "zy": 1.0, "flip_horizontal": False}


def _rng(seed=0):
    return seeding.stream(seed, "test")


def _tone(hz=440.0, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


def _pitch(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * RATE / (8 * len(samples))


def _picture(frames=130, bands=40):
    """Return a smooth picture that is the same nowhere: time rises, bands rise faster."""
    return np.add.outer(np.arange(frames) * 1.0, np.arange(bands) * 100.0).astype(np.float32)


@pytest.mark.parametrize("step", [*WAVEFORM, *FRAMES], ids=lambda step: type(step).__name__)
def test_a_step_repeats_itself_for_a_stream_and_spares_what_it_was_given(step):
    where = (RATE,) if step.level == "waveform" else ()
    value = _tone() if where else _rng().normal(-40, 10, (130, 40)).astype(np.float32)
    kept = value.copy()
    first, second = (step.apply(value, _rng(1), *where) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(value, kept)
    assert first.dtype == np.float32
    assert not np.array_equal(first, kept)
    if not where:
        assert first.shape == value.shape


def test_gain_multiplies_by_a_factor_from_its_range():
    factors = [Gain().apply(np.ones(2, np.float32), _rng(i), RATE)[0] for i in range(100)]
    assert 0.7 <= min(factors) < 0.75
    assert 1.25 < max(factors) <= 1.3


def test_noise_lies_as_far_below_the_clip_as_told():
    tone = _tone() * 0.3
    noise = NoiseAtSNR(snr_db=(20.0, 20.0)).apply(tone, _rng(), RATE) - tone
    ratio = 10 * np.log10(np.mean(tone**2) / np.mean(noise**2))
    assert ratio == pytest.approx(20, abs=0.2)  # of 16,000 draws


@pytest.mark.parametrize(("semitones", "whole"), [((12.0, 12.0), False), ((11.5, 12.4), True)])
def test_an_octave_doubles_the_pitch_and_keeps_the_length(semitones, whole):
    shifted = PitchShift(semitones=semitones, whole=whole).apply(_tone(), _rng(), RATE)
    assert len(shifted) == RATE
    assert _pitch(shifted[2000:-2000]) == pytest.approx(880, rel=0.01)


def test_twice_the_rate_halves_the_length_and_keeps_the_pitch():
    stretched = TimeStretch(rate=(2.0, 2.0)).apply(_tone(), _rng(), RATE)
    assert len(stretched) == RATE // 2
    assert _pitch(stretched[1000:-1000]) == pytest.approx(440, rel=0.01)


def test_polarity_changes_the_sign_alone():
    np.testing.assert_array_equal(PolarityInversion().apply(_tone(), _rng(), RATE), -_tone())


def test_a_long_clip_is_cut_at_a_drawn_place():
    samples = np.arange(RATE, dtype=np.float32)
    cut = [CropOrPad(duration_s=0.5).apply(samples, _rng(i), RATE) for i in range(20)]
    assert {len(part) for part in cut} == {RATE // 2}
    assert all(np.array_equal(np.diff(part), np.ones(RATE // 2 - 1)) for part in cut)
    assert len({part[0] for part in cut}) == 20


def test_a_short_clip_is_laid_into_zeros():
    padded = CropOrPad(duration_s=2.0).apply(np.ones(RATE, np.float32), _rng(), RATE)
    inside = np.flatnonzero(padded)
    assert len(padded) == 2 * RATE
    assert len(inside) == RATE
    assert inside[-1] - inside[0] == RATE - 1


def test_reverberation_rings_on_and_falls_60_db_in_the_decay_time():
    click = np.zeros(RATE, np.float32)
    click[0] = 1.0
    room = Reverberation(decay_s=(0.5, 0.5), wet=(0.5, 0.5))
    heard = room.apply(click, _rng(), RATE).astype(float)
    assert np.sum(heard**2) == pytest.approx(1, abs=1e-5)  # the power is kept
    assert np.sum(heard[1:] ** 2) / heard[0] ** 2 == pytest.approx(0.5, abs=1e-5)
    early, late = (np.mean(heard[i : i + 800] ** 2) for i in (1, 1 + RATE // 4))
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5)
    assert not np.abs(heard[RATE // 2 :]).max() > 1e-9


def test_noise_in_decibel_has_the_deviation_told():
    noisy = DecibelNoise(deviation_db=2.0).apply(np.zeros((200, 100), np.float32), _rng())
    assert noisy.std() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("step", "axis"), [(FrequencyMask, 1), (TimeMask, 0)])
def test_a_mask_hides_one_stretch_of_its_own_axis(step, axis):
    frames = _rng().normal(-40, 10, (60, 30)).astype(np.float32)
    widths = []
    for seed in range(200):
        masked = step(limit=(3, 12), fill=7.0).apply(frames, _rng(seed)) == 7
        along, across = masked.any(axis=1 - axis), masked.any(axis=axis)
        hidden = np.flatnonzero(along)
        widths.append(len(hidden))
        if len(hidden):
            assert across.all()
            assert masked.sum() == len(hidden) * frames.shape[1 - axis]
            assert hidden[-1] - hidden[0] == len(hidden) - 1
    assert min(widths) == 0
    assert 10 <= max(widths) <= 12


@pytest.mark.parametrize("step", [FrequencyMask, TimeMask])
def test_a_mask_has_the_level_told_and_may_be_wider_than_the_clip(step):
    frames = _rng().normal(-40, 10, (3, 2)).astype(np.float32)
    for fill, level in (("floor", frames.min()), ("mean", frames.mean()), (0.0, 0.0)):
        results = [step(limit=(50, 50), fill=fill).apply(frames, _rng(i)) for i in range(9)]
        assert any(np.array_equal(result, np.full_like(frames, level)) for result in results)


def test_shifts_move_their_own_axis_and_repeat_the_edge():
    frames = _picture(4, 3)
    later = TimeShift(frames=(2, 2)).apply(frames, _rng())
    np.testing.assert_array_equal(later, frames[[0, 0, 0, 1]])
    lower = FrequencyShift(bands=(-1, -1)).apply(frames, _rng())
    np.testing.assert_array_equal(lower, frames[:, [1, 2, 2]])


def test_the_published_pitch_shift_smears_time_and_moves_no_band():
    frames = np.full((200, 4), -60, np.float32)
    frames[100:104, 2] = 0.0  # a short burst in one band
    smeared = PitchShiftAlongTime(semitones=(4.0, 4.0)).apply(frames, _rng())
    assert smeared[:, 2].max() > -20
    assert smeared[:, [0, 1, 3]].max() < -50
    louder = np.flatnonzero(smeared[:, 2] > -50)
    assert len(louder) > 8  # the burst was 4 frames long
    assert smeared.min() == pytest.approx(smeared.max() - 80, abs=1e-3)  # power went below zero


class TestImage:
    step = ImageShiftZoomFlip()

    def moved(self, **drawn):
        """Return the legacy picture and the one by layers for the same drawn parameters."""
        picture = _picture()
        told = STILL | drawn
        return self.step.legacy(picture, told), self.step.layers(picture, told)

    def test_the_width_shift_moves_time_by_as_many_frames_as_a_share_of_the_bands(self):
        picture = _picture()
        for image in self.moved(ty=2.0):
            np.testing.assert_array_equal(image[:-2], picture[2:])
            np.testing.assert_array_equal(image[-2:], picture[[-1, -1]])
        shifts = [self.step.draw((130, 40), _rng(i))["ty"] for i in range(200)]
        assert 1.9 < np.abs(shifts).max() <= 2.0  # 0.05 x 40 bands, though 130 frames move

    def test_the_flip_turns_low_bands_into_high_ones(self):
        for image in self.moved(flip_horizontal=True):
            np.testing.assert_array_equal(image, _picture()[:, ::-1])

    def test_zoom_of_time_is_about_the_middle_of_the_bands_and_the_other_way_round(self):
        time = self.step.legacy(_picture(), STILL | {"zy": 1.04})[:, 0]  # frame that is seen there
        centre = (40 - 1) / 2
        np.testing.assert_allclose(time[1:120], centre + 1.04 * (np.arange(1, 120) - centre), 1e-4)
        bands = self.step.legacy(_picture(), STILL | {"zx": 0.96})[0] / 100  # band that is seen
        centre = (130 - 1) / 2
        np.testing.assert_allclose(bands[:30], centre + 0.96 * (np.arange(30) - centre), 1e-4)

    @pytest.mark.parametrize(
        "drawn",
        [
            {"ty": 1.37},
            {"ty": -0.4, "flip_horizontal": True},
            {"zx": 1.04},
            {"zy": 0.96},
            {"ty": 1.9, "zx": 0.951, "zy": 1.049, "flip_horizontal": True},
        ],
    )
    def test_legacy_class_and_layers_do_the_same_for_the_same_draw(self, drawn):
        legacy, layers = self.moved(**drawn)
        # the picture is a plane, so interpolating twice is exact; the edges, where the nearest
        # value was filled in once or twice, are left out: zoom about frame 19.5 brings up to
        # 0.05 x 110 + 2 frames of them in at the end
        inside = np.s_[4:-9, 4:-4]
        np.testing.assert_allclose(layers[inside], legacy[inside], atol=0.02)

    def test_both_draw_from_the_same_ranges(self):
        drawn = {
            through: [
                ImageShiftZoomFlip(through=through).draw((130, 40), _rng(i)) for i in range(300)
            ]
            for through in ("legacy", "layers")
        }
        for name, low, high in (("ty", -2, 2), ("zx", 0.95, 1.05), ("zy", 0.95, 1.05)):
            for draws in drawn.values():
                values = np.array([draw[name] for draw in draws])
                span = high - low
                assert low <= values.min() < low + span / 50
                assert high - span / 50 < values.max() <= high
        for draws in drawn.values():
            assert np.mean([bool(d["flip_horizontal"]) for d in draws]) == pytest.approx(
                0.5, abs=0.1
            )

    def test_the_global_generator_is_left_as_it_was(self):
        np.random.seed(5)
        expected = np.random.random(3)
        np.random.seed(5)
        self.step.apply(_picture(), _rng())
        np.testing.assert_array_equal(np.random.random(3), expected)


def test_steps_of_other_levels_are_left_for_later():
    augmentation = Augmentation(steps=(PolarityInversion(), TimeShift(frames=(1, 1))))
    np.testing.assert_array_equal(augmentation.apply("waveform", _tone(), _rng(), RATE), -_tone())
    np.testing.assert_array_equal(
        augmentation.apply("frames", _picture(3, 2), _rng()), _picture(3, 2)[[0, 0, 1]]
    )
    assert augmentation.works_on("frames")
    assert not augmentation.works_on("image")


def test_a_varied_waveform_gives_the_features_of_what_is_heard(tmp_path):
    import soundfile

    from ser_keras.features import FeatureSpec, extract

    spec = FeatureSpec(kind="log_mel", sample_rate=RATE, n_mels=20, offset=0.25, top_db=None)
    soundfile.write(tmp_path / "tone.wav", _tone() / 2, RATE, subtype="FLOAT")
    augmentation = Augmentation(steps=(Gain(factor=(2.0, 2.0)), TimeShift()))
    frames = varied_frames(tmp_path / "tone.wav", spec, augmentation, _rng())
    np.testing.assert_allclose(frames, extract(_tone()[RATE // 4 :], spec), atol=1e-3)


def test_each_step_is_taken_with_its_probability():
    augmentation = Augmentation(
        steps=(TimeShift(frames=(1, 1)), FrequencyShift(bands=(1, 1))), probability=0.6
    )
    frames = _picture(5, 4)
    results = [augmentation.apply("frames", frames, _rng(i))[-1, -1] for i in range(600)]
    untouched = np.mean([value == frames[-1, -1] for value in results])
    assert untouched == pytest.approx(0.4**2, abs=0.05)
    assert len(set(results)) == 4


def test_forms_are_numbered_from_the_clip_itself():
    assert list(Augmentation().numbers) == [0]
    assert list(Augmentation(steps=("gain",), copies=2).numbers) == [0, 1, 2]
    assert list(Augmentation(steps=("gain",), copies=2, keep_original=False).numbers) == [1, 2]


def test_streams_differ_by_clip_form_and_epoch_only_where_they_should():
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
    told = json.loads(json.dumps(augmentation.to_json()))
    assert told["copies"] == 3
    assert told["steps"][1] == {"step": "time-mask", "limit": [5, 9], "fill": 0.0}
    assert told["steps"][2]["step"] == "noise-at-snr"


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
        (lambda: FrequencyMask(fill="silence"), "Give floor, mean or a number"),
        (lambda: ImageShiftZoomFlip(zoom=1.0), "augment ImageShiftZoomFlip.zoom"),
        (lambda: ImageShiftZoomFlip(through="torch"), "Give legacy or layers"),
        (lambda: Augmentation(steps=("time-warp",)), "augment.steps time-warp: no such step"),
        (lambda: Augmentation(probability=1.5), "augment.probability: cannot be 1.5"),
        (lambda: Augmentation(copies=0), "from 1 to 100"),
        (lambda: Augmentation(when="always"), "Give once or epoch"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(SerKerasError) as caught:
        make()
    assert sentence in str(caught.value)
