"""Downloading a corpus from a server on this machine that answers well or badly.

The server stands in for doi.org. pooch's own readers of Zenodo and Dataverse get the JSON that
these repositories are documented to send.
"""

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import re
import stat
import subprocess
import sys
import threading
import types
import warnings
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ser_keras import corpora, files
from ser_keras.corpora import _download
from ser_keras.corpora._corpus import Archive
from ser_keras.errors import SerKerasError
from tests.corpora.trees import Tone, write

ZIP = "clips.zip"
DOI = "10.5281/zenodo.1"
RAVDESS = ("03-01-05-02-01-01-12.wav", "03-01-01-01-01-01-03.wav", "03-01-08-01-02-02-24.wav")
TESS = ("OAF_back_angry.wav", "OA_bite_neutral.wav", "YAF_food_fear.wav")


class Server:
    """An archive: `bodies` by file name; `faults` list how a file is sent, call by call."""

    def __init__(self):
        self.bodies, self.faults, self.asked = {}, {}, []
        self.listed = None  # JSON of the record, if it is wrong
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                with contextlib.suppress(ConnectionError):
                    server.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, request):
        self.asked.append(request.path)
        if request.path.startswith("/zenodo/"):
            return self.send(request, json.dumps(self.listed or self.zenodo()).encode())
        if request.path.startswith("/api/datasets/:persistentId?persistentId=doi:"):
            return self.send(request, json.dumps(self.listed or self.dataverse()).encode())
        name = request.path.removeprefix("/files/")
        name = name.removeprefix("moved/")
        if request.path.startswith("/api/access/datafile/"):
            name = list(self.bodies)[int(request.path.rpartition("/")[2])]
        faults = self.faults.get(name, [])
        fault = faults.pop(0) if faults else None
        body = self.bodies[name]
        if isinstance(fault, int):
            return self.send(request, b"<html>", status=fault)
        if isinstance(fault, tuple):
            return self.send(request, b"x" * 200_000, 302, location=fault[0])
        if fault == "other":
            return self.send(request, body[:-9] + b"x" * 9)
        if fault == "more":
            return self.send(request, body + b"x" * 200_000)
        cut = {"cut": len(body) // 2, "nothing": 0}.get(fault, len(body))
        return self.send(request, body[:cut], size=len(body))

    def send(self, request, body, status=200, size=None, location=None):
        request.send_response(status)
        if location is not None:
            request.send_header("Location", location)
        request.send_header("Content-Length", str(len(body) if size is None else size))
        request.end_headers()
        request.wfile.write(body)

    def zenodo(self):
        listed = [
            {
                "id": "0b3e",
                "key": name,
                "size": len(body),
                "checksum": f"md5:{hashlib.md5(body).hexdigest()}",
                "links": {"self": f"{self.address}/files/{name}"},
            }
            for name, body in self.bodies.items()
        ]
        return {"id": 1, "doi": DOI, "files": listed}

    def dataverse(self):
        listed = [
            {
                "label": name,
                "restricted": False,
                "dataFile": {
                    "id": number,
                    "filename": name,
                    "filesize": len(body),
                    "md5": hashlib.md5(body).hexdigest(),
                    "checksum": {"type": "MD5", "value": hashlib.md5(body).hexdigest()},
                },
            }
            for number, (name, body) in enumerate(self.bodies.items())
        ]
        return {"status": "OK", "data": {"latestVersion": {"files": listed}}}


@pytest.fixture
def server(monkeypatch):
    from pooch import downloaders

    server = Server()
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(_download, "RETRIES", 0)
    landing = {
        DOI: "https://zenodo.org/records/1",
        "10.5683/SP2/X": f"{server.address}/dataset.xhtml?persistentId=doi:10.5683/SP2/X",
        "10.1/other": f"{server.address}/files/elsewhere",
    }
    monkeypatch.setattr(downloaders, "doi_to_url", lambda doi, **_: landing[doi])
    monkeypatch.setattr(
        downloaders.ZenodoRepository, "base_api_url", f"{server.address}/zenodo/records"
    )
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def sounds(tmp_path, names):
    folder = write(tmp_path / "made", {name: Tone(300 + 10 * i) for i, name in enumerate(names)})
    return {name: (folder / name).read_bytes() for name in names}


def zipped(members):
    """Return a zip file; `members` are name or ZipInfo -> bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that stands twice
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def complete(corpus, names):
    """Return the corpus as if it had only these clips."""
    clips = {name: corpus.parse(name) for name in names}
    return dataclasses.replace(corpus, complete=lambda: clips, expected={"clips": len(names)})


@pytest.fixture
def ravdess(server, tmp_path):
    """RAVDESS as a record of Zenodo, with three clips in its zip file."""
    clips = sounds(tmp_path, RAVDESS)
    body = zipped((f"Actor_{name[18:20]}/{name}", content) for name, content in clips.items())
    return served(server, body)


def served(server, body, unpacked=60_000):
    server.bodies = {"Video_Speech.zip": b"not this one", ZIP: body}
    checksum = f"md5:{hashlib.md5(body).hexdigest()}"
    archive = Archive(DOI, file=ZIP, checksum=checksum, size=len(body), unpacked=unpacked)
    corpus = complete(corpora.get("ravdess"), RAVDESS)
    return dataclasses.replace(corpus, archive=archive)


@pytest.fixture
def tess(server, tmp_path):
    """TESS as a record of Dataverse, a file per clip."""
    server.bodies = {"README.txt": b"about", **sounds(tmp_path, TESS)}
    archive = Archive("10.5683/SP2/X", size=sum(map(len, server.bodies.values())))
    return dataclasses.replace(complete(corpora.get("tess"), TESS), archive=archive)


def refused(corpus, data, cache):
    """Return the message of a download that fails, and check that it left nothing."""
    with pytest.raises(SerKerasError) as raised:
        corpora.download(corpus, data, cache)
    assert not data.exists() or not list(data.iterdir())
    assert corpus.find(data) is None
    return str(raised.value)


class TestWhatArrives:
    def test_a_zip_file_is_fetched_checked_unpacked_and_validated(
        self, ravdess, server, data, cache, capsys
    ):
        found = corpora.download(ravdess, data, cache)

        assert found.complete
        assert found.root == data / "RAVDESS"
        unpacked = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file()}
        assert unpacked == {f"RAVDESS/Actor_{name[18:20]}/{name}" for name in RAVDESS}
        assert not [path for path in server.asked if "Video" in path]
        printed = capsys.readouterr()
        assert not printed.out
        assert printed.err.splitlines() == [
            f"RAVDESS (speech): {ravdess.source}.",
            "Licence: CC BY-NC-SA 4.0.",
            f"The download from https://doi.org/{DOI} has 0 MB and needs 0 MB on the disk of "
            f"{data / 'RAVDESS'}.",
            f"RAVDESS (speech) is in {data / 'RAVDESS'}.",
            "3 of 3 clips found.",
        ]

    def test_a_record_with_a_file_per_clip_is_fetched_without_the_rest(
        self, tess, server, data, cache
    ):
        found = corpora.download(tess, data, cache)

        assert found.complete
        assert sorted(path.name for path in (data / "TESS").iterdir()) == sorted(TESS)
        assert "/api/access/datafile/0" not in server.asked  # the README

    def test_a_record_of_zip_files_alone_is_unpacked(self, tess, server, data, cache):
        clips = [(name, server.bodies[name]) for name in TESS]
        server.bodies = {"OAF.zip": zipped(clips[:2]), "YAF.zip": zipped(clips[2:])}

        assert corpora.download(tess, data, cache).complete
        assert sorted(path.name for path in (data / "TESS").iterdir()) == sorted(TESS)

    def test_clips_that_the_archive_itself_lacks_are_named(self, tess, server, data, cache, capsys):
        del server.bodies[TESS[0]]

        assert not corpora.download(tess, data, cache).complete
        messages = capsys.readouterr().err
        assert "2 of 3 clips found; missing: OAF_back_angry.wav." in messages
        assert "is not complete, although its whole archive was downloaded." in messages

    def test_a_corpus_that_is_there_is_not_fetched_again(
        self, ravdess, server, data, cache, capsys
    ):
        corpora.download(ravdess, data, cache)
        server.asked.clear()
        capsys.readouterr()

        assert corpora.download(ravdess, data, cache).complete
        assert server.asked == []
        message = f"RAVDESS (speech) is already in {data / 'RAVDESS'}; nothing is downloaded."
        assert message in capsys.readouterr().err

    def test_a_part_of_a_corpus_is_neither_completed_nor_touched(
        self, ravdess, server, data, cache
    ):
        write(data / "copy", {RAVDESS[0]: Tone(200)})

        with pytest.raises(
            SerKerasError, match=r"a part of RAVDESS .*\(1 of 3 clips found.*\)\. To"
        ):
            corpora.download(ravdess, data, cache)
        assert server.asked == []
        assert [path.name for path in data.rglob("*.wav")] == [RAVDESS[0]]

    @pytest.mark.parametrize("faults", [["cut", 503], ["other", "other"]])
    def test_a_file_that_fails_twice_is_asked_for_again(
        self, faults, ravdess, server, data, cache, monkeypatch
    ):
        import pooch.core

        monkeypatch.setattr(_download, "RETRIES", 2)
        monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)
        server.faults = {ZIP: faults}

        assert corpora.download(ravdess, data, cache).complete
        assert server.asked.count(f"/files/{ZIP}") == 3


FAULTS = {
    "cut": "clips.zip did not arrive completely: the connection failed or broke",
    "nothing": "clips.zip did not arrive completely: the connection failed or broke",
    404: "clips.zip was refused (HTTP status 404)",
    429: "clips.zip was refused (HTTP status 429)",
    "other": "clips.zip differs from the description of its publishers (MD5 hash",
    "more": "sends more than the expected 0 MB",
}


class TestWhatGoesWrong:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_file_that_does_not_arrive_leaves_nothing(self, fault, ravdess, server, data, cache):
        server.faults = {ZIP: [fault]}

        sentence = refused(ravdess, data, cache)

        assert sentence.startswith(f"https://doi.org/{DOI}: {FAULTS[fault]}")

    @pytest.mark.parametrize("fault", ["cut", 404, "other"])
    def test_one_clip_of_many_that_does_not_arrive_leaves_nothing(
        self, fault, tess, server, data, cache
    ):
        server.faults = {TESS[1]: [fault]}

        assert "OA_bite_neutral.wav" in refused(tess, data, cache)

    def test_a_server_that_stops_answering_is_given_up(
        self, ravdess, server, data, cache, monkeypatch
    ):
        from pooch import downloaders

        released = threading.Event()
        send = server.send

        def stall(request, body, **options):
            if request.path.startswith("/files/"):
                send(request, body[:100], size=len(body))
                released.wait(10)
            else:
                send(request, body, **options)

        server.send = stall
        polite = downloaders.DOIDownloader
        monkeypatch.setattr("pooch.DOIDownloader", lambda: polite(timeout=0.2))
        try:
            assert "did not arrive: the server stopped answering" in refused(ravdess, data, cache)
        finally:
            released.set()

    def test_a_server_that_does_not_exist_is_reported(self, ravdess, server, data, cache):
        server.close()

        sentence = refused(ravdess, data, cache)

        assert "its list of files did not arrive completely: the connection failed" in sentence
        assert sentence.endswith(f"Try again later, or {ravdess.home}.")

    @pytest.mark.parametrize(
        ("listed", "problem"),
        [
            ({"status": 404}, "its list of files has an unknown form"),
            ({"files": [{"key": ZIP}]}, "its list of files has an unknown form"),
            ({"files": []}, "does not list clips.zip as it should"),
        ],
    )
    def test_a_record_of_an_unknown_form_is_reported(
        self, listed, problem, ravdess, server, data, cache
    ):
        server.listed = listed

        assert problem in refused(ravdess, data, cache)

    def test_a_repository_of_another_kind_is_refused(self, ravdess, server, data, cache):
        archive = dataclasses.replace(ravdess.archive, doi="10.1/other")
        server.answer = lambda request: server.send(request, b"", status=404)

        sentence = refused(dataclasses.replace(ravdess, archive=archive), data, cache)

        assert "Invalid data repository" in sentence

    def test_a_clip_with_a_path_out_of_the_folder_is_refused(self, tess, server, data, cache):
        server.bodies["../../OAF_bar_sad.wav"] = b"out"

        assert "does not list clips" in refused(tess, data, cache)

    def test_a_record_without_clips_is_refused(self, ravdess, server, data, cache):
        corpus = served(server, zipped([("notes.txt", b"moved")]))

        assert "holds no clips of RAVDESS (speech)" in refused(corpus, data, cache)

    def test_a_disk_that_is_too_small_is_reported_before_any_request(
        self, ravdess, server, data, cache, capsys
    ):
        archive = dataclasses.replace(ravdess.archive, unpacked=1 << 60)

        sentence = refused(dataclasses.replace(ravdess, archive=archive), data, cache)

        assert re.search(r"\d+ MB are needed and \d+ MB are free on its disk", sentence)
        assert server.asked == []
        assert "Licence" in capsys.readouterr().err

    @pytest.mark.parametrize("step", ["fetching", "unpacking"])
    def test_a_disk_that_fills_up_leaves_nothing(self, step, ravdess, data, cache, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        if step == "fetching":
            monkeypatch.setattr(_download._Counted, "flush", full)
        else:
            monkeypatch.setattr(_download.shutil, "copyfileobj", full)

        assert "the disk is full" in refused(ravdess, data, cache)

    def test_ctrl_c_leaves_nothing(self, ravdess, data, cache, monkeypatch):
        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(_download, "_unpack", interrupt)
        with pytest.raises(KeyboardInterrupt):
            corpora.download(ravdess, data, cache)
        assert not list(data.iterdir())

    def test_another_folder_in_the_place_of_the_corpus_is_not_touched(
        self, ravdess, server, data, cache
    ):
        write(data / "RAVDESS", {"notes.txt": b"mine"})

        with pytest.raises(SerKerasError, match="exists already"):
            corpora.download(ravdess, data, cache)
        assert (data / "RAVDESS" / "notes.txt").read_bytes() == b"mine"
        assert server.asked == []


def link(name, mode=stat.S_IFLNK | 0o777):
    member = zipfile.ZipInfo(name)
    member.create_system = 3  # Unix
    member.external_attr = mode << 16
    return member


HOSTILE = {
    "above": [("../03-01-05-02-01-01-12.wav", b"x")],
    "above, further in": [("Actor_01/../../x.wav", b"x")],
    "absolute": [("/tmp/03-01-05-02-01-01-12.wav", b"x")],
    "Windows": [("..\\x.wav", b"x")],
    "drive": [("C:x.wav", b"x")],
    "link": [(link("Actor_01"), "/etc"), ("Actor_01/passwd", b"x")],
    "device": [(link("null", stat.S_IFCHR), b"")],
    "long": [("x" * 300, b"x")],
}


class TestUnpacking:
    @pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
    def test_only_plain_files_below_the_folder_are_unpacked(self, members, server, data, cache):
        sentence = refused(served(server, zipped(members)), data, cache)

        assert "which is not a file below its folder. Do not trust it" in sentence
        assert sentence.startswith("clips.zip: holds ")

    @pytest.mark.parametrize("again", ["Actor_01/x.wav", "ACTOR_01/X.wav"])
    def test_a_name_that_occurs_twice_in_any_case_is_refused(self, again, server, data, cache):
        body = zipped([("Actor_01/x.wav", b"1"), (again, b"2")])

        assert "twice" in refused(served(server, body), data, cache)

    def test_the_zip_file_does_not_overwrite_itself(self, server, data, cache):
        assert "twice" in refused(served(server, zipped([(ZIP, b"x")])), data, cache)

    def test_more_bytes_than_announced_are_not_unpacked(self, server, data, cache):
        body = zipped([("x.wav", bytes(1_000_000))])

        sentence = refused(served(server, body, unpacked=499_999), data, cache)

        assert "unpacks to more than 1 MB" in sentence

    def test_a_member_cannot_unpack_to_more_than_it_announces(self, server, data, cache):
        body = zipped([("x.wav", bytes(1_000_000))])
        size = (1_000_000).to_bytes(4, "little")
        assert body.count(size) == 2  # local header and directory
        lying = body.replace(size, (10).to_bytes(4, "little"))

        assert "is damaged" in refused(served(server, lying), data, cache)

    def test_too_many_files_are_refused(self, server, data, cache, monkeypatch):
        monkeypatch.setattr(_download, "MAX_FILES", 3)
        body = zipped((f"{i}.wav", b"") for i in range(4))

        assert "holds more than 3 files" in refused(served(server, body), data, cache)

    def test_an_encrypted_member_is_refused(self, server, data, cache):
        body = bytearray(zipped([("x.wav", b"x")]))
        body[body.index(b"PK\1\2") + 8] |= 1

        assert "is encrypted" in refused(served(server, bytes(body)), data, cache)

    @pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"PK\3\4" + bytes(200)])
    def test_a_file_that_is_not_a_zip_file(self, body, server, data, cache):
        assert "clips.zip: is damaged" in refused(served(server, body), data, cache)

    def test_a_zip_file_with_a_wrong_checksum_inside(self, server, data, cache):
        body = bytearray(zipped([("x.wav", bytes(range(256)))]))
        body[60] ^= 255

        assert "is damaged" in refused(served(server, bytes(body)), data, cache)

    def test_the_free_space_is_checked_again_before_unpacking(
        self, ravdess, data, cache, monkeypatch
    ):
        asked = []
        monkeypatch.setattr(files, "require_space", lambda folder, needed: asked.append(needed))

        corpora.download(ravdess, data, cache)

        unpacked = sum(path.stat().st_size for path in data.rglob("*.wav"))
        assert asked == [ravdess.archive.needed, unpacked]


class TestTheWay:
    def test_a_move_within_a_publisher_is_followed_in_silence(
        self, ravdess, server, data, cache, capsys
    ):
        server.faults = {ZIP: [(f"/files/moved/{ZIP}",)]}
        assert corpora.download(ravdess, data, cache).complete
        assert f"/files/moved/{ZIP}" in server.asked
        assert "sends on" not in capsys.readouterr().err

    def test_a_move_to_somebody_else_is_printed_and_is_encrypted(
        self, ravdess, server, data, cache, capsys
    ):
        port = server.http.server_port
        server.faults = {ZIP: [(f"http://127.0.0.2:{port}/files/{ZIP}",)]}
        assert "the connection failed" in refused(ravdess, data, cache)  # nobody there has TLS
        assert server.asked.count(f"/files/{ZIP}") == 1
        assert "127.0.0.1 sends on to 127.0.0.2.\n" in capsys.readouterr().err

    def test_a_move_to_another_protocol_is_refused(self, ravdess, server, data, cache):
        server.faults = {ZIP: [("ftp://127.0.0.1/clips.zip",)]}
        assert "sends to ftp://127.0.0.1/clips.zip, which is not encrypted" in refused(
            ravdess, data, cache
        )

    def test_a_long_answer_beside_a_move_is_not_read(
        self, ravdess, server, data, cache, monkeypatch
    ):
        monkeypatch.setattr(_download, "MAX_RECORD_BYTES", 100_000)
        server.faults = {ZIP: [(f"/files/moved/{ZIP}",)]}
        assert "in more bytes than any record has" in refused(ravdess, data, cache)

    def test_a_record_that_never_ends_is_not_read(self, ravdess, server, data, cache, monkeypatch):
        monkeypatch.setattr(_download, "MAX_RECORD_BYTES", 100_000)
        server.listed = {"id": 1, "files": [{"key": "x" * 200_000}]}
        assert "in more bytes than any record has" in refused(ravdess, data, cache)

    @pytest.mark.parametrize(
        "address",
        ["http://127.0.0.1:8080/admin", "HTTP://localhost/", "file://localhost/etc/passwd"],
    )
    def test_a_publisher_cannot_send_to_this_machine(self, ravdess, address):
        answer = types.SimpleNamespace(
            url="https://zenodo.org/a", is_redirect=True, headers={"location": address}, raw=None
        )
        with pytest.raises(SerKerasError, match="which is not encrypted"):
            _download._Route(ravdess.archive).check(answer)

    def test_an_answer_without_encryption_is_refused(self, ravdess):
        answer = types.SimpleNamespace(url="http://zenodo.org/a", is_redirect=False, raw=None)
        with pytest.raises(SerKerasError, match="which is not encrypted"):
            _download._Route(ravdess.archive).check(answer)


@pytest.mark.parametrize("name", corpora.names())
def test_every_corpus_has_an_archive_or_says_why_not(name, tmp_path):
    corpus = corpora.get(name)
    archive = corpus.archive

    if isinstance(archive, str):
        with pytest.raises(SerKerasError) as raised:
            corpora.download(corpus, tmp_path)
        assert str(raised.value) == (
            f"{name}: cannot be downloaded by this program: {archive}. "
            f"How to get it: {corpus.home}."
        )
        assert not list(tmp_path.iterdir())
    else:
        assert re.fullmatch(r"10\.\d{4}/\S+", archive.doi)
        assert archive.address in corpus.home
        assert archive.size > 1e7
        assert (archive.file is None) == (archive.checksum is None) == (archive.unpacked == 0)
        assert archive.checksum is None or re.fullmatch("md5:[0-9a-f]{32}", archive.checksum)


@pytest.mark.corpora
def test_the_size_of_tess_is_that_of_its_clips_as_wav(real_corpora):
    import soundfile

    clips = list((real_corpora / "tess").rglob("*.flac"))
    size = sum(44 + 2 * soundfile.info(clip).frames for clip in clips)

    assert len(clips) < 2800 or size == corpora.get("tess").archive.size


def test_download_libraries_are_loaded_only_for_a_download():
    program = (
        "import sys\nfrom ser_keras import corpora\n"
        "for name in corpora.names(): corpora.get(name)\n"
        "sys.exit(bool({'pooch', 'requests', 'urllib3'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
