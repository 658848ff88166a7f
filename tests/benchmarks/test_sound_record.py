"""The figures of the sound in RESULTS.md and in the model's card."""

from types import SimpleNamespace

from results import read_section
from sound_record import record
from sound_table import Row

REAL = SimpleNamespace(trained=[0, 1], held_out=[2])


def model(n_seen):
    return SimpleNamespace(name="default", n_seen=n_seen, palette=SimpleNamespace(names=("a", "b")))


def test_figures_stand_in_the_results_and_in_the_card(tmp_path):
    results, card = tmp_path / "RESULTS.md", tmp_path / "MODEL_CARD.md"
    card.write_text("# default\n\nOf 2 instruments.\n\n## Figures\n\nof an older model\n")
    kept = {"model": model(9000), "real": REAL, "card": card, "seed": 0, "results": results}
    record([Row("pitch", "99.0 %", "99.5 %", "by ear")], **kept)
    record([Row("diversity", "0.93")], **kept)
    assert "after 9,000 notes" in read_section("Sound", path=results)
    assert "| pitch | 99.0 % | 99.5 % | by ear |" in read_section("Sound", path=results)
    figures = read_section("Figures", path=card)
    assert figures.startswith("After 9,000 notes")
    assert figures.endswith("| pitch | 99.0 % | 99.5 % |\n| diversity | 0.93 |  |")
    assert card.read_text().startswith("# default\n\nOf 2 instruments.\n\n## Figures\n\nAfter")


def test_figures_of_two_models_do_not_mix(tmp_path):
    results, card = tmp_path / "RESULTS.md", tmp_path / "MODEL_CARD.md"
    for n_seen, figure in ((9000, "pitch"), (10000, "diversity")):
        record([Row(figure, "1")], model(n_seen), REAL, card, seed=0, results=results)
    for path, title in ((results, "Sound"), (card, "Figures")):
        text = read_section(title, path=path)
        assert "10,000" in text
        assert "| diversity |" in text
        assert "| pitch |" not in text
