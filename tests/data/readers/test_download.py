"""Transfers from a server on this machine that knows byte ranges and can break off on request."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from actret_core.data.readers import download as module
from actret_core.data.readers.download import Archive, download, extract, fetch, fetch_stanford40, fetch_voc2012
from actret_core.errors import DataError, DownloadError

BODY = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Serves `files`, records the Range of each request, sends at most `cut` of the announced bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/file.bin": BODY}
        self.ranges: list[str | None] = []
        self.cut: int | None = None
        self.knows_ranges = True

    def url(self, name: str = "file.bin") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        body = self.server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        known = wanted if self.server.knows_ranges else None
        start = int(known.removeprefix("bytes=").removesuffix("-")) if known else 0
        if start >= len(body):
            return self._head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
        headers = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        self._head(206 if start else 200, headers | {"Content-Length": str(len(body) - start)})
        self.wfile.write(body[start:][: self.server.cut])

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.bin"


def part(path: Path) -> Path:
    return Path(f"{path}.part")


MD5 = hashlib.md5(BODY).hexdigest()


@pytest.mark.parametrize("md5", [None, MD5])
def test_a_file_arrives_whole(server: Server, path: Path, md5: str | None) -> None:
    assert download(server.url(), path, md5, progress=False) == path
    assert path.read_bytes() == BODY and not part(path).exists()


def test_the_bar_counts_bytes(server: Server, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    download(server.url(), path)
    shown = capfd.readouterr().err
    assert "file.bin: 100%" in shown and "10.2k/10.2k" in shown


def test_an_interrupted_transfer_is_continued(server: Server, path: Path) -> None:
    server.cut = 3000
    with pytest.raises(DownloadError, match="file.bin: not fetched whole .*run it again to continue"):
        download(server.url(), path, md5=MD5, progress=False)
    assert not path.exists() and part(path).read_bytes() == BODY[:3000]
    server.cut = None
    download(server.url(), path, md5=MD5, progress=False)
    assert path.read_bytes() == BODY and server.ranges == [None, "bytes=3000-"]


def test_a_server_without_ranges_sends_all_of_it_again(server: Server, path: Path) -> None:
    server.cut, server.knows_ranges = 3000, False
    with pytest.raises(DownloadError):
        download(server.url(), path, progress=False)
    server.cut = None
    assert download(server.url(), path, md5=MD5, progress=False).read_bytes() == BODY


def test_a_part_that_is_already_whole_is_only_checked(server: Server, path: Path) -> None:
    path.parent.mkdir()
    part(path).write_bytes(BODY)
    assert download(server.url(), path, md5=MD5, progress=False).read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY)}-"]


def test_a_part_longer_than_the_file_is_given_up(server: Server, path: Path) -> None:
    path.parent.mkdir()
    part(path).write_bytes(BODY + b"more")
    with pytest.raises(DownloadError, match="416"):
        download(server.url(), path, progress=False)
    assert download(server.url(), path, progress=False).read_bytes() == BODY


def test_what_arrives_damaged_is_not_kept(server: Server, path: Path) -> None:
    with pytest.raises(DownloadError, match=f"file.bin: arrived damaged, its md5 is {MD5} and not {'0' * 32}"):
        download(server.url(), path, md5="0" * 32, progress=False)
    assert not path.exists() and not part(path).exists()


def test_a_file_that_is_there_is_checked_and_never_deleted(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"mine")
    assert download(server.url(), path, md5=hashlib.md5(b"mine").hexdigest(), progress=False) == path
    with pytest.raises(DownloadError, match="there already, but its md5 is .*move it away"):
        download(server.url(), path, md5=MD5, progress=False)
    assert path.read_bytes() == b"mine" and server.ranges == []


def test_no_such_file_and_no_such_server(server: Server, path: Path) -> None:
    with pytest.raises(DownloadError, match="absent.bin: not fetched whole .*404"):
        download(server.url("absent.bin"), path, progress=False)
    with pytest.raises(DownloadError, match="not fetched whole"):
        download("http://127.0.0.1:9/file.bin", path, progress=False)


# Archives


def zipped(folder: Path, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(f for name in names for f in (folder / name).rglob("*") if f.is_file()):
            archive.write(file, file.relative_to(folder))
    return buffer.getvalue()


def tarred(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


needs_filter = pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="needs Python 3.11.4 or newer")


@needs_filter
def test_extract_keeps_every_member_inside(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.tar", tmp_path / "bad.tar"
    good.write_bytes(tarred(**{"a/b.txt": b"hello"}))
    extract(good, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"hello"
    bad.write_bytes(tarred(**{"../escaped.txt": b"hello"}))
    with pytest.raises(DownloadError, match="bad.tar: not a whole archive"):
        extract(bad, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../escaped.txt", "hello")
    extract(tmp_path / "bad.zip", tmp_path / "out")
    assert not (tmp_path / "escaped.txt").exists()


def test_a_cut_archive_is_named(tiny: Path, tmp_path: Path) -> None:
    whole = zipped(tiny, "JPEGImages")
    for name, content in {"cut.zip": whole[:-30], "cut.tar": tarred(a=b"x" * 5000)[:3000]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DownloadError, match=name):
            extract(tmp_path / name, tmp_path / "out")


# Whole data sets

COUNTS = {"train": 8, "test": 4}


@pytest.fixture
def archives(server: Server, tiny: Path) -> tuple[Archive, ...]:
    folders = ("ImageSplits", "XMLAnnotations", "JPEGImages")
    server.files |= {f"/{folder}.zip": zipped(tiny, folder) for folder in folders}
    return tuple(Archive(server.url(f"{folder}.zip"), (folder,)) for folder in folders)


def test_a_data_set_is_fetched_once(server: Server, archives: tuple[Archive, ...], tmp_path: Path) -> None:
    root = fetch("stanford40", archives, tmp_path / "data", COUNTS, progress=False)
    assert sorted(p.name for p in root.iterdir()) == ["ImageSplits", "JPEGImages", "XMLAnnotations"]
    fetch("stanford40", archives, root, COUNTS, progress=False)
    assert len(server.ranges) == 3


def test_a_fetch_that_broke_off_continues(
    server: Server, archives: tuple[Archive, ...], tmp_path: Path
) -> None:
    root, server.cut = tmp_path / "data", len(server.files["/XMLAnnotations.zip"]) + 10
    with pytest.raises(DownloadError, match="JPEGImages.zip"):
        fetch("stanford40", archives, root, COUNTS, progress=False)
    assert (root / "XMLAnnotations").is_dir() and not (root / "JPEGImages").exists()
    server.cut = None
    fetch("stanford40", archives, root, COUNTS, progress=False)
    assert server.ranges[3].startswith("bytes=")


def test_what_arrived_is_counted(archives: tuple[Archive, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data: 4 images in test, expected 5532"):
        fetch("stanford40", archives, tmp_path / "data", {"train": 8, "test": 5532}, progress=False)


def test_an_archive_without_the_folder(server: Server, tiny: Path, tmp_path: Path) -> None:
    server.files["/a.zip"] = zipped(tiny, "ImageSplits")
    archive = Archive(server.url("a.zip"), ("JPEGImages",), "VOCdevkit")
    with pytest.raises(DownloadError, match="a.zip: no folder VOCdevkit/JPEGImages"):
        fetch("voc2012", (archive,), tmp_path / "data", {}, progress=False)


def test_the_official_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    monkeypatch.setattr(module, "fetch", lambda *args: asked.append(args))
    fetch_stanford40(tmp_path)
    fetch_voc2012(tmp_path)
    (stanford, archives, _, counts), (voc, (tar,), _, voc_counts) = asked
    assert (stanford, voc) == ("stanford40", "voc2012")
    assert {f for a in archives for f in a.folders} == {"JPEGImages", "XMLAnnotations", "ImageSplits"}
    assert tar.url.endswith("VOCtrainval_11-May-2012.tar") and len(tar.md5) == 32
    assert sum(counts.values()) == 9532 and sum(voc_counts.values()) == 2296 + 2292
