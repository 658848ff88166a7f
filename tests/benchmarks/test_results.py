"""Keeping RESULTS.md."""

import pytest
from results import update_rows, write_section


def test_a_section_is_replaced_and_the_others_stay(tmp_path):
    path = tmp_path / "RESULTS.md"
    for title, text in (("One", "1"), ("Two", "2"), ("One", "3")):
        write_section(title, text, path=path)
    assert path.read_text().endswith("## One\n\n3\n\n## Two\n\n2\n")


def test_rows_are_replaced_by_their_first_cell(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section("Sound", "| a | 1 | |\n| a b | 2 | |\n| c | 3 | |", path=path)
    write_section("Other", "| a b | 4 | |", path=path)
    update_rows("Sound", ["a b"], "| head | | |\n| a b | 5 | |", path=path)
    text = path.read_text()
    assert "| a | 1 | |\n| a b | 5 | |\n| c | 3 | |" in text
    assert text.endswith("| a b | 4 | |\n")
    with pytest.raises(ValueError, match="not in list"):
        update_rows("Sound", ["d"], "| d | 6 | |", path=path)
