"""Where a model may be written, and that its files come together."""

import pytest
from click.testing import CliRunner
from tiny_runs import TINY

from retimbre.cli.command import command
from retimbre.errors import ParameterError
from retimbre.train.export.model_writing import check_free, write_model

CONFIG = b'{"generator_sha256": ""}'


@pytest.mark.parametrize("names", [(), ("generator.onnx", "palette.json", "MODEL_CARD.md")])
def test_a_new_empty_or_half_written_folder_is_free(tmp_path, names):
    check_free(tmp_path / "new")
    for name in names:
        (tmp_path / name).touch()
    check_free(tmp_path)


def test_a_model_may_be_replaced_whatever_lies_beside_it(tmp_path):
    write_model(tmp_path, {"generator.onnx": b"old", "config.json": CONFIG})
    (tmp_path / "notes.txt").touch()
    check_free(tmp_path)
    write_model(tmp_path, {"generator.onnx": b"new", "config.json": CONFIG})
    assert (tmp_path / "generator.onnx").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("config.json", "generator.onnx", "notes.txt"),
    ]


def test_a_folder_of_something_else_is_not_written_into(tmp_path):
    (tmp_path / "flute_60.wav").touch()
    with pytest.raises(ParameterError, match=r"contains flute_60\.wav and is not a model"):
        check_free(tmp_path)


def test_a_run_is_not_written_into_though_it_has_a_config(tmp_path):
    TINY.save(tmp_path / "config.json")
    with pytest.raises(ParameterError, match=r"contains config\.json and is not a model"):
        check_free(tmp_path)


def export(*args):
    return CliRunner().invoke(command, ["export", *map(str, args)], prog_name="retimbre")


def test_an_export_looks_at_its_folder_first(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("retimbre.cli.export.need_tensorflow", None)
    (tmp_path / "flute_60.wav").touch()
    result = export(finished[0], "-o", tmp_path)
    assert result.exit_code == 1
    assert "contains flute_60.wav and is not a model" in result.stderr
    result = export(finished[0], "-o", tmp_path / "flute_60.wav" / "m")
    assert "flute_60.wav is a file; choose another -o" in result.stderr


def test_what_is_no_run_is_told(tmp_path, notes_folder):
    (tmp_path / "notes.txt").touch()
    for named in ((), ("--dataset", notes_folder)):
        result = export(tmp_path / "none", *named)
        assert result.stderr.startswith(f"Error: No folder named {tmp_path / 'none'};")
        result = export(tmp_path, *named)
        assert f"{tmp_path} contains no run; give" in result.stderr
