import pytest

from ser_keras import corpora
from ser_keras.corpora import emotions

MAPS = ("TESS", "RAVDESS", "SAVEE", "AESDD", "ASED", "EMODB", "CREMA_D")


def test_the_vocabulary_has_nine_emotions_in_a_fixed_order():
    in_words = "neutral calm happy sad angry fearful disgust surprised bored"

    assert " ".join(emotions.VOCABULARY) == in_words


@pytest.mark.parametrize("name", MAPS)
def test_a_label_map_is_one_to_one_into_the_vocabulary(name):
    labels = list(getattr(emotions, name).values())

    assert set(labels) <= set(emotions.VOCABULARY)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("corpus", "label_map"),
    [
        ("tess", emotions.TESS),
        ("demo", emotions.TESS),
        ("ravdess", emotions.RAVDESS),
        ("savee", emotions.SAVEE),
        ("aesdd", emotions.AESDD),
        ("ased", emotions.ASED),
        ("emodb", emotions.EMODB),
        ("crema-d", emotions.CREMA_D),
    ],
)
def test_a_corpus_lists_the_emotions_of_its_map_in_the_order_of_the_vocabulary(corpus, label_map):
    in_order = tuple(label for label in emotions.VOCABULARY if label in label_map.values())

    assert corpora.get(corpus).emotions == in_order


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("ps", "surprised"),
        ("Pleasant_surprised", "surprised"),
        ("pleasant surprise", "surprised"),
        ("FEAR", "fearful"),
        ("anger", "angry"),
        ("happiness", "happy"),
        ("sadness", "sad"),
        ("boredom", "bored"),
        (" calm ", "calm"),
        ("a", None),  # fearful in EmoDB, angry in SAVEE
        ("su", None),
        ("01", None),
        ("", None),
        ("neutrality", None),
    ],
)
def test_a_word_means_one_emotion_in_every_corpus_or_none(word, emotion):
    assert emotions.of_word(word) == emotion


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("OAF_Fear", "fearful"),
        ("OAF_Pleasant_surprise", "surprised"),
        ("YAF_pleasant_surprised", "surprised"),
        ("ADA_ps", "surprised"),
        ("03Happy", "happy"),
        ("3 - happy", "happy"),
        ("disgust", "disgust"),
        ("oaf_sad", "sad"),
        ("Actor_01", None),
        ("not_angry", None),
        ("not angry", None),
        ("non_neutral", None),
        ("no_fear", None),
        ("very_sad", None),
        ("2_very_sad", None),
        ("female_happy", None),
        ("Happy-sad", None),
        ("clips", None),
    ],
)
def test_a_folder_names_the_emotion_of_its_clips(name, emotion):
    assert emotions.of_folder(name) == emotion


@pytest.mark.parametrize("emotion", emotions.VOCABULARY)
def test_every_emotion_is_known_by_its_own_name(emotion):
    assert emotions.of_word(emotion) == emotion
