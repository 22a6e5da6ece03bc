import errno
import json
import multiprocessing
import os

import pytest

from ser_keras import files
from ser_keras.errors import SerKerasError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a.txt"
    files.write_text(target, "old")
    with pytest.raises(RuntimeError), files.atomic(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
    files.write_text(target, "new")
    assert target.read_text() == "new"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), files.atomic_folder(tmp_path / "a") as partial:
        (partial / "x").write_text("half")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with files.atomic_folder(tmp_path / "a") as partial:
        (partial / "x").write_text("whole")
    assert (tmp_path / "a" / "x").read_text() == "whole"
    with pytest.raises(SerKerasError, match="exists already"), files.atomic_folder(tmp_path / "a"):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EROFS, "cannot be written. Choose a folder"),
        (errno.ENOTDIR, "something else is in its place"),
    ],
)
def test_what_the_disk_refuses_is_said_with_the_remedy(tmp_path, number, words):
    with pytest.raises(SerKerasError, match=words), files.guarded(tmp_path / "a"):
        raise OSError(number, "refused")


def test_a_folder_in_the_place_of_a_parent_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SerKerasError, match="something else is in its place"):
        files.write_text(tmp_path / "file" / "below", "text")


def test_json_survives_and_holds_no_nan(tmp_path):
    value = {"a": [1, 2.5, None, True, "ü"], "b": {"c": {}}}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"a": float("nan")})
    assert files.read_json(tmp_path / "a.json") == value


DOCUMENT = """# Results
<!-- begin: table -->
old
rows
<!-- end -->
There are <!-- begin: n -->1<!-- end --> runs.
"""


def test_slots_are_filled_and_the_rest_of_the_document_stays(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(DOCUMENT)
    files.fill_slots(path, {"table": "new", "n": "2"})
    expected = DOCUMENT.replace("old\nrows", "new").replace("-->1<!--", "-->2<!--")
    assert path.read_text() == expected
    files.fill_slots(path, {"n": r"\1 <!-- -->"})  # taken as it is
    assert path.read_text() == expected.replace("-->2<!--", r"-->\1 <!-- --><!--")
    files.fill_slots(path, {"table": "old\nrows", "n": "1"})
    assert path.read_text() == DOCUMENT


def test_slots_of_a_template_are_filled_in_another_file(tmp_path):
    (tmp_path / "template.md").write_text(DOCUMENT)
    files.fill_slots(tmp_path / "new.md", {"n": "3"}, tmp_path / "template.md")
    assert "There are <!-- begin: n -->3<!-- end --> runs." in (tmp_path / "new.md").read_text()
    assert (tmp_path / "template.md").read_text() == DOCUMENT


@pytest.mark.parametrize(
    "document",
    [
        "no slot",
        "<!-- begin: n -->1",
        "1<!-- end -->",
        "<!-- end -->1<!-- begin: n -->",
        "<!-- begin: n -->1<!-- end --> <!-- begin: n -->1<!-- end -->",
        "<!-- begin: number -->1<!-- end -->",
        "<!-- begin: n -->1 <!-- begin: m -->1<!-- end -->",
    ],
)
def test_a_document_without_the_slot_is_refused_and_not_changed(tmp_path, document):
    path = tmp_path / "README.md"
    path.write_text(document)
    with pytest.raises(SerKerasError, match=r"does not have the slot n exactly once\. Write <!--"):
        files.fill_slots(path, {"n": "2"})
    assert path.read_text() == document


def test_a_document_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match=r"cannot be read as text\. Check the path"):
        files.fill_slots(tmp_path / "none.md", {})


def test_more_space_than_there_is_is_refused_before_the_work(tmp_path):
    files.require_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(SerKerasError, match="MB are needed"):
        files.require_space(tmp_path, 1 << 60)


def test_a_link_or_copy_leaves_the_source_alone(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"sound")
    files.link_or_copy(tmp_path / "a.wav", tmp_path / "x" / "a.wav")

    def no_links(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "symlink", no_links)
    files.link_or_copy(tmp_path / "a.wav", tmp_path / "y" / "a.wav")
    assert not (tmp_path / "y" / "a.wav").is_symlink()
    for folder in (tmp_path, tmp_path / "x", tmp_path / "y"):
        assert (folder / "a.wav").read_bytes() == b"sound"


def test_digests_differ_and_do_not_change_from_day_to_day():
    assert files.digest("a") == files.digest(b"a") != files.digest("b")
    assert files.digest("ab") == files.digest("a", "b")
    assert files.digest("ser_keras") == "d7243954a133979f"


def _count_up(path):
    for _ in range(50):
        with files.lock(path):
            value = files.read_json(path)
            files.write_json(path, {"n": value["n"] + 1})


def test_a_lock_keeps_two_processes_from_losing_a_write(tmp_path):
    path = tmp_path / "count.json"
    files.write_json(path, {"n": 0})
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert json.loads(path.read_text()) == {"n": 100}


UNSUPPORTED = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY]


def refuse(number):
    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_mount_without_rights_and_syncing_is_written_to(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "chmod", refuse(number))
    monkeypatch.setattr(os, "fsync", refuse(number))
    files.write_text(tmp_path / "a.txt", "text")
    with files.atomic_folder(tmp_path / "b") as partial:
        (partial / "x").write_text("text")
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b"]


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "has failed")]
)
def test_a_file_that_does_not_reach_the_disk_does_not_appear(tmp_path, monkeypatch, number, words):
    monkeypatch.setattr(os, "fsync", refuse(number))
    with pytest.raises(SerKerasError, match=words):
        files.write_text(tmp_path / "a.txt", "text")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("left_behind", [False, True])
@pytest.mark.parametrize("number", UNSUPPORTED)
def test_where_a_disk_has_no_locks_the_work_goes_on_after_a_warning(
    tmp_path, monkeypatch, capsys, number, left_behind
):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", refuse(number))
    if left_behind:
        (tmp_path / "a.lock").write_text("")  # as it was copied from another disk
    for _ in range(2):
        with files.lock(tmp_path / "a"):
            assert not files.is_locked(tmp_path / "a")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"warning: The disk of {tmp_path} has no locks: let no two commands write there at once."
    )


def _hold(path, held, free):
    with files.lock(path):
        held.set()
        free.wait()


def test_a_wait_for_a_lock_is_announced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "PATIENCE_S", 0.1)
    context = multiprocessing.get_context("spawn")
    held, free = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "a", held, free))
    holder.start()
    held.wait()
    assert files.is_locked(tmp_path / "a")
    monkeypatch.setattr(files.console, "say", lambda line: (print(line), free.set()))
    with files.lock(tmp_path / "a"):
        assert capsys.readouterr().out == (
            f"Another process holds {tmp_path / 'a'}.lock; waiting for it.\n"
        )
    holder.join()


def test_a_lock_leaves_no_file_behind_even_where_the_work_fails(tmp_path):
    with pytest.raises(KeyError), files.lock(tmp_path / "a"):
        assert (tmp_path / "a.lock").exists()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_a_lock_is_one_sentence(tmp_path):
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    words = "something else is in its place"
    with pytest.raises(SerKerasError, match=words), files.lock(tmp_path / "a"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_temporary_files_of_libraries_lie_beside_the_result_and_are_removed(tmp_path):
    import tempfile

    usual = tempfile.gettempdir()
    with files.scratch(tmp_path / "a.txt") as folder, tempfile.NamedTemporaryFile() as file:
        assert folder.parent == tmp_path
        assert file.name.startswith(str(folder))
    assert tempfile.gettempdir() == usual
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.ETXTBSY, errno.EXDEV])
def test_a_file_that_cannot_be_replaced_is_one_sentence(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "replace", refuse(number))  # as a container mounts one file
    with pytest.raises(SerKerasError, match="is in use, or mounted as a disk of its own"):
        files.write_text(tmp_path / "a.txt", "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system has no such folder")
def test_a_folder_that_has_no_place_is_one_sentence():
    for write in (files.atomic, files.atomic_folder, files.lock):
        with (
            pytest.raises(SerKerasError, match="/proc/none: cannot be made"),
            write("/proc/none/x"),
        ):
            pass
