import pickle

import pytest

from ser_keras.errors import SerKerasError, Skipped, check_choice, check_number


def test_an_error_names_the_file_the_problem_and_the_remedy():
    assert str(SerKerasError("a.wav", "is empty", "Record it")) == "a.wav: is empty. Record it."


def test_an_error_crosses_a_process_boundary_whole():
    error = pickle.loads(pickle.dumps(SerKerasError("a.wav", "is empty", "Record it")))
    assert (error.subject, error.problem, error.remedy) == ("a.wav", "is empty", "Record it")


def test_a_skipped_file_keeps_the_reason():
    skipped = Skipped.because("a.wav", SerKerasError("elsewhere/a.wav", "is empty", "Record it"))
    assert str(skipped) == "a.wav: is empty."


def test_a_choice_is_returned_as_it_stands_among_the_choices():
    assert type(check_choice("features.ref", 1, (1.0, "max"))) is float
    assert check_choice("features.mel_norm", None, ("slaney", None)) is None


@pytest.mark.parametrize("value", [True, "mean", None, ["max"]])
def test_a_value_that_is_no_choice_is_refused_with_all_choices(value):
    with pytest.raises(SerKerasError) as caught:
        check_choice("features.ref", value, (1.0, "max"))
    assert str(caught.value) == f"features.ref: cannot be {value!r}. Give one of 1.0, 'max'."


def test_a_number_is_an_int_if_whole_and_a_float_otherwise():
    assert type(check_number("x", 3, 1, 5, whole=True)) is int
    assert type(check_number("x", 3, 1.0, 5.0)) is float
    assert check_number("x", None, 1, 5, optional=True) is None


@pytest.mark.parametrize("value", [0, 6, True, "3", None, float("nan"), [3]])
def test_a_number_of_another_type_or_out_of_range_is_refused_with_the_range(value):
    with pytest.raises(SerKerasError) as caught:
        check_number("x", value, 1.0, 5.0)
    assert str(caught.value) == f"x: cannot be {value!r}. Give a number from 1.0 to 5.0."


def test_a_whole_number_is_no_float():
    with pytest.raises(SerKerasError, match="Give a whole number from 1 to 5, or None"):
        check_number("x", 3.0, 1, 5, whole=True, optional=True)
