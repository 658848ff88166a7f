"""Write docs/settings.md from the table of settings: python docs/make_settings.py."""

from pathlib import Path

from retimbre.settings.params import TABLE, Entry

PAGE = Path(__file__).with_name("settings.md")


def settings_page() -> str:
    """Return the page: one row per setting, in the order of the stages."""
    rows = [_row(name, entry) for name, entry in TABLE.items()]
    head = [
        "# Settings",
        "",
        "Keywords of `retimbre_file` and `Settings.from_options`. With dashes they are options of",
        "the command line, where `min_note_length` is in milliseconds.",
        "Written by `python docs/make_settings.py`.",
        "",
        "| name | default | range | stage | what it is |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _row(name: str, entry: Entry) -> str:
    about = entry.about
    ends = ["" if end is None else f"{end:g}" for end in (about.low, about.high)]
    span = ", ".join((*([] if ends == ["", ""] else [f"{ends[0]}..{ends[1]}"]), *about.choices))
    default = about.shown or ("" if entry.default is None else f"{entry.default} {about.unit}")
    text = about.help.replace("|", "\\|")
    where = "" if about.section else " (not on the command line)"
    return f"| `{name}` | {default.strip()} | {span} | {entry.stage} | {text}{where} |"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
