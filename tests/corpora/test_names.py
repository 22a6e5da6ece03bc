"""The names of files and folders: whole words tell an emotion, as do the names of known corpora."""

import pytest

from ser_keras import corpora
from ser_keras.corpora import emotions


@pytest.mark.parametrize(
    ("path", "emotion"),
    [
        ("OAF_bar_fear.wav", "fearful"),
        ("somewhere/YAF_back_ps.flac", "surprised"),
        ("me_today_Pleasant_surprise.wav", "surprised"),
        ("OAF_Pleasant_surprise/1.wav", "surprised"),
        ("clips/03Happy/1.wav", "happy"),
        ("sad/one_two_three.wav", "sad"),
        ("sad/me_my_car_HAPPY.wav", "sad"),  # four parts are no TESS name
        ("clips/my_sad.wav", None),  # nor are two
        ("clips/recording.wav", None),
        ("anger/a01 (1).wav", "angry"),
        ("Actor_01/03-01-05-02-01-01-12.wav", "angry"),
        ("Actor_01/03-02-05-02-01-01-12.wav", None),  # a song
        ("AudioWAV/1001_IEO_FEA_HI.wav", "fearful"),
        ("03a01Wa.wav", "angry"),
        ("AudioData/DC/sa01.wav", "sad"),
        ("s4-04-02-01-29.wav", "sad"),
        ("call_12_not_happy.wav", None),
        ("call_not_happy.wav", None),
        ("x_very_sad.wav", None),
        ("call_isn't_happy.wav", None),
        ("anruf_nicht_happy.wav", None),
        ("appel_sans_fear.wav", None),
        ("unhappy/1.wav", None),
        ("very_sad/1.wav", None),
        ("female_happy/1.wav", None),
        ("No_Fear/1.wav", None),
        ("sad/call_12_not_happy.wav", "sad"),
        ("sad/me_today_happy.wav", None),  # the two contradict each other
        ("happy/a01 (1).wav", None),
    ],
)
def test_a_loose_file_is_labelled_by_its_name_or_its_folder(path, emotion, tmp_path):
    assert corpora.guess(tmp_path / "x" / path) == emotion
    assert corpora.guess(path) == emotion or "/" not in path


@pytest.mark.parametrize("name", ["tess", "demo", "ravdess", "savee"])
def test_every_clip_of_a_corpus_is_known_by_its_name(name):
    known = corpora.get(name).complete()
    assert {stem: corpora.guess(f"{stem}.wav") for stem in known} == {
        stem: parsed.emotion for stem, parsed in known.items()
    }


def test_the_words_that_change_an_emotion_are_no_words_of_a_corpus():
    words = corpora.get("tess").complete(), corpora.get("demo").complete()
    for stem in (stem for clips in words for stem in clips):
        assert emotions.of_clip(stem), stem


def test_the_notes_name_the_corpus_and_what_contradicts_itself(tmp_path):
    names = ["03-01-05-02-01-01-12.wav", "angry/1.wav", "sad/me_today_happy.wav"]
    guesses = corpora.guesses([tmp_path / name for name in names])
    assert guesses.emotions == {tmp_path / names[0]: "angry", tmp_path / names[1]: "angry"}
    assert guesses.notes == (
        "Emotions read from names, as in the corpus ravdess (1 of 3)",
        "The name and the folder of 1 recording tell different emotions: "
        f"{tmp_path / names[2]} (happy, sad)",
    )


def test_copies_of_one_corpus_poured_together_are_not_taken_for_another(tmp_path):
    copies = ["a01.wav", "a01 (2).wav", "a01 (3).wav", "h02.WAV", "h02 (2).wav"]
    assert corpora.guesses([tmp_path / name for name in copies]).emotions == {}
    assert len(corpora.read_names(["a01 (1).wav", "a01 (2).wav", "x/a01.wav"])) == 2
    for name in copies:
        (tmp_path / name).touch()
    assert corpora.get("aesdd").find(tmp_path) is None


def test_a_folder_may_have_the_name_of_a_models_own_label(tmp_path):
    paths = [tmp_path / name for name in ("Not_Angry/1.wav", "joy/2.wav", "relaxed/3.wav")]
    labels = ["not_angry", "happy", "relaxed"]
    assert list(corpora.guesses(paths, labels).emotions.values()) == labels
    assert list(corpora.guesses(paths).emotions.values()) == ["happy"]


def test_the_folder_decides_where_a_model_has_a_label_that_names_cannot_tell(tmp_path):
    paths = [tmp_path / "frustrated" / name for name in ("03-01-05-02-01-01-12.wav", "a_b_sad.wav")]
    guesses = corpora.guesses(paths, ["sad", "frustrated"])
    assert list(guesses.emotions.values()) == ["frustrated", "frustrated"]
    (note,) = corpora.guesses([tmp_path / "angry" / "a_b_sad.wav"], ["sad", "angry"]).notes
    assert "tell different emotions" in note


@pytest.mark.parametrize(
    ("corpus", "path", "sex"),
    [
        ("ravdess", "ravdess/Actor_01/03-01-05-02-01-01-01.ogg", "man"),
        ("ased", "ased/03Happy/h3-01-01-02-08.ogg", "man"),
        ("ased", "ased/04Sad/S4-04-02-01-29.ogg", "woman"),
        ("tess", "tess/OAF_Sad/OAF_back_sad.flac", "woman"),
        ("aesdd", "aesdd/anger/a01 (1).ogg", ""),
    ],
)
def test_the_sex_of_a_voice_is_read_from_names_that_tell_it(corpus, path, sex):
    assert corpora.sex(corpus, path) == sex
