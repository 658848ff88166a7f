"""Files appear whole or not at all."""

import errno
import os
import stat
import tempfile

import pytest

from retimbre.errors import DecodeError, ReadError, WriteError
from retimbre.io.files import check_room, open_input, whole_file, write_bytes, write_text


def test_the_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "file.txt"
    with whole_file(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == tmp_path
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interruption_leaves_what_was_there(tmp_path, interruption):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(interruption), whole_file(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise interruption
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_to_write_is_one_sentence(tmp_path):
    with (
        pytest.raises(WriteError, match=r"file\.txt cannot be written: No space left\."),
        whole_file(tmp_path / "file.txt"),
    ):
        raise OSError(28, "No space left")
    assert list(tmp_path.iterdir()) == []


def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_text_is_written_as_it_is(tmp_path):
    write_text(tmp_path / "file.txt", "ä\nb\n")
    assert (tmp_path / "file.txt").read_bytes() == b"\xc3\xa4\nb\n"
    write_bytes(tmp_path / "file.txt", b"\0\r\n")
    assert (tmp_path / "file.txt").read_bytes() == b"\0\r\n"


def test_others_may_read_it_as_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_text(tmp_path / "ours", "")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("x" * 251 + ".txt")
    write_text(path, "long")
    assert path.read_text() == "long"


def test_a_link_keeps_pointing_to_its_file(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


def test_a_device_is_not_replaced():
    with pytest.raises(WriteError, match="/dev/null cannot be written: it is not a regular file"):
        write_text(os.devnull, "gone")


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="the superuser may write anywhere")
def test_a_protected_folder_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="cannot be written: Permission denied"):
        write_text(tmp_path / "file.txt", "")


def test_a_folder_is_tried_and_left_as_it_was(tmp_path, monkeypatch):
    check_room(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        check_room(tmp_path / "nowhere")
    if os.path.exists("/dev/full"):
        monkeypatch.setattr(
            tempfile,
            "TemporaryFile",
            lambda dir, buffering: open("/dev/full", "wb", buffering),  # noqa: SIM115
        )
        with pytest.raises(OSError, match="No space left") as told:
            check_room(tmp_path)
        assert told.value.errno == errno.ENOSPC


def test_an_input_is_opened_at_its_start_without_its_name(tmp_path):
    (tmp_path / "clip.wav").write_bytes(b"abc")
    with open_input(tmp_path / "clip.wav") as handle:
        assert isinstance(handle.name, int)
        assert handle.read() == b"abc"


def test_what_cannot_be_opened_is_one_sentence(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(DecodeError, match=r"empty is empty \(0 bytes\)\."):
        open_input(tmp_path / "empty")
    with pytest.raises(ReadError, match=r"none does not exist\."):
        open_input(tmp_path / "none")
    with pytest.raises(ReadError, match="is a folder"):
        open_input(tmp_path)
    with pytest.raises(ReadError, match="file name"):
        open_input("a\0b")
    with pytest.raises(ReadError, match="cannot be read: File name too long"):
        open_input(tmp_path / ("x" * 300))


def test_disks_and_folders_are_no_matter_of_decoding(tmp_path):
    with pytest.raises(ReadError) as caught:
        open_input(tmp_path / "none")
    assert not isinstance(caught.value, DecodeError)
    assert isinstance(caught.value, OSError)
