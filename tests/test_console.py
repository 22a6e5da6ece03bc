from ser_keras import console


def test_messages_go_to_stderr_and_results_to_stdout(capsys):
    console.say("working")
    console.warn("careful")
    console.error("broken")
    console.show("result")
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "working\nwarning: careful\nerror: broken\n"


def test_a_table_is_aligned_and_leaves_no_trailing_spaces():
    assert console.table(["emotion", "n", ""], [["sad", 5, ""], ["fearful", 10, ""]]).split(
        "\n"
    ) == [
        "emotion   n",
        "sad       5",
        "fearful  10",
    ]


def test_progress_draws_nothing_in_a_file(capsys):
    with console.progress(10, "features") as bar:
        bar.update(10)
    assert capsys.readouterr().err == ""


def test_native_code_is_silent_and_python_speaks_again_afterwards(capfd):
    import os

    with console.native_silence():
        os.write(2, b"native noise\n")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
