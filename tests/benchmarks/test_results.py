"""Keeping RESULTS.md."""

from results import merge_rows, read_section, write_section


def test_a_section_is_replaced_and_the_others_stay(tmp_path):
    path = tmp_path / "RESULTS.md"
    for title, text in (("One", "1"), ("Two", "2"), ("One", "3")):
        write_section(title, text, path=path)
    assert path.read_text().endswith("## One\n\n3\n\n## Two\n\n2\n")


def test_rows_are_replaced_by_their_first_cell_or_added(tmp_path):
    path = tmp_path / "RESULTS.md"
    head = "| figure | measured |\n|---|---|\n"
    merge_rows("Sound", "Model a:\n\n", f"{head}| a | 1 |\n| a b | 2 |\n| c | 3 |", path=path)
    write_section("Other", "| a b | 4 |", path=path)
    merge_rows("Sound", "Model a:\n\n", f"{head}| a b | 5 |\n| d | 6 |", path=path)
    wanted = f"Model a:\n\n{head}| a | 1 |\n| a b | 5 |\n| c | 3 |\n| d | 6 |"
    assert read_section("Sound", path=path) == wanted
    assert read_section("Other", path=path) == "| a b | 4 |"
    assert read_section("None", path=path) == ""


def test_rows_of_two_models_do_not_mix(tmp_path):
    path = tmp_path / "RESULTS.md"
    merge_rows("Sound", "Model a:", "| a | 1 |\n| b | 2 |", path=path)
    merge_rows("Sound", "Model b:", "| a | 3 |", path=path)
    assert read_section("Sound", path=path) == "Model b:\n\n| a | 3 |"
