"""Waveforms, spectrograms and augmented clips."""

import numpy as np

from ser_keras import pictures, recipes
from tests.pictures.reading import changed, overlaps, text_in, texts


def test_axes_have_their_units(demo, tmp_path, drawn):
    pictures.durations(demo, tmp_path / "d.png")
    pictures.waveforms(demo, tmp_path / "w.png")
    pictures.mel_spectrograms(demo, tmp_path / "m.png")
    power = "Power (dB; 0 is the loudest in the clip)"
    assert "Duration (s)" in text_in(drawn[0])
    assert {"Amplitude\n(of full scale)", "Frequency (Hz)", "Time (s)", power} <= text_in(drawn[1])
    assert {"Frequency (Hz)", "Time (s)", power} <= text_in(drawn[2])
    for figure in drawn[1:]:
        images = [image for ax in figure.axes for image in ax.get_images()]
        assert {image.get_clim() for image in images} == {(-80.0, 0.0)}
        assert len({image.get_cmap().name for image in images}) == 1


def test_speakers_take_turns_and_few_clips_leave_room(tiny_index, tmp_path, drawn):
    table = tiny_index.table
    three = table["path"].isin(table.loc[table["emotion"] == "sad", "path"].iloc[[0, 1, 9]])
    index = changed(tiny_index, where=three | (table["emotion"] == "happy"))
    pictures.mel_spectrograms(index, tmp_path / "m.png")
    titles = [ax.get_title(loc="left") for ax in drawn[0].axes if ax.get_images()]
    assert titles[:2] == ["OAF, OAF_back_happy", "YAF, YAF_back_happy"]
    assert titles[4:] == ["OAF, OAF_back_sad", "YAF, YAF_bar_sad", "OAF, OAF_bar_sad"]


def test_a_recipe_shows_its_own_augmentation(tiny_index, tmp_path, drawn):
    recipe = recipes.get("acnt-ravdess-corrected")
    pictures.augmented_examples(tiny_index, tmp_path / "a.png", recipe)
    words = " ".join(text_in(drawn[0])).replace("\n", " ")
    steps = ("noise-at-snr", "pitch-shift", "frequency-mask", "time-mask")
    for name in (*steps, "by acnt-ravdess-corrected", "all, each with probability 0.5"):
        assert name in words
    images = [image.get_array() for ax in drawn[0].axes for image in ax.get_images()]
    assert len(images) == 5 * 4
    assert images[0].shape[0] == recipe.features.n_mels
    assert not np.array_equal(images[0], images[1])
    assert overlaps(texts(drawn[0])) == []


def test_a_recipe_without_augmentation_shows_the_common_set(tiny_index, tmp_path, drawn):
    pictures.augmented_examples(tiny_index, tmp_path / "a.png", recipes.get("attention-tess"))
    assert drawn[0].get_suptitle() == "tess: augmented clips beside their originals"
    assert "image-shift-\nzoom-flip\n(disgust)" in text_in(drawn[0])


def test_coefficients_are_drawn_without_hertz(tiny_index, tmp_path, drawn):
    recipe = recipes.get("attention-tess").override({"augment.steps": "time-mask"})
    pictures.augmented_examples(tiny_index, tmp_path / "a.png", recipe)
    assert "Coefficient" in text_in(drawn[0])
    assert "Frequency (Hz)" not in text_in(drawn[0])


def test_a_single_step_leaves_room_for_the_colour_scale(tiny_index, tmp_path, drawn):
    recipe = recipes.get("adafnn-transformer")
    assert len(recipe.augment.steps) == 1
    pictures.augmented_examples(tiny_index, tmp_path / "a.png", recipe)
    for box in texts(drawn[0]).values():
        assert box.y0 >= 0
        assert box.y1 <= drawn[0].bbox.y1
