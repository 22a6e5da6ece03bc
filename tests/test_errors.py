import pickle

from ser_keras.errors import SerKerasError, Skipped


def test_an_error_names_the_file_the_problem_and_the_remedy():
    assert str(SerKerasError("a.wav", "is empty", "Record it")) == "a.wav: is empty. Record it."


def test_an_error_crosses_a_process_boundary_whole():
    error = pickle.loads(pickle.dumps(SerKerasError("a.wav", "is empty", "Record it")))
    assert (error.subject, error.problem, error.remedy) == ("a.wav", "is empty", "Record it")


def test_a_skipped_file_keeps_the_reason():
    skipped = Skipped.because("a.wav", SerKerasError("elsewhere/a.wav", "is empty", "Record it"))
    assert str(skipped) == "a.wav: is empty."
