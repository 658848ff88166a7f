"""SoundFonts: which presets are taken, what a note is, what is said where something is missing."""

import sys

import numpy as np
import pytest
from tiny_soundfont import SAW, STRUCK, TinyPlayer, Tone, saw, write_soundfont

from retimbre.errors import ModelNotFoundError
from retimbre.harmonic import image as harmonic
from retimbre.train.data import fluid
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.data.measure import analyze_note
from retimbre.train.data.soundfonts import SoundFont, find_soundfonts, licence_of
from retimbre.units import midi_to_hz

SR = harmonic.SAMPLE_RATE


def fluidsynth_is_here():
    try:
        import fluidsynth
    except (ImportError, OSError):
        return False
    return bool(fluidsynth)


@pytest.fixture(params=["player", "FluidSynth"])
def font(request, tmp_path, monkeypatch):
    """Open the tiny SoundFont in the tests' own player and, where it is, in FluidSynth."""
    if request.param == "player":
        monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    elif not fluidsynth_is_here():
        pytest.skip("needs FluidSynth")
    drum = Tone("Drum", 0, 117, saw(), True)
    return SoundFont(write_soundfont(tmp_path / "tiny.sf2", [STRUCK, drum, SAW]))


def test_presets_are_the_melodic_ones(font):
    assert list(font.presets()) == [
        InstrumentKey("tiny.sf2", 0, 81, "Saw"),
        InstrumentKey("tiny.sf2", 8, 14, "Struck"),
    ]


@pytest.mark.parametrize("pitch", [48, 60, 75])
def test_a_note_sounds_at_its_pitch_is_held_and_ends(font, pitch):
    y = font.render(next(iter(font.presets())), pitch, 100)
    assert y.shape == (4 * SR,)
    assert y.dtype == np.float32
    assert 0.01 < np.abs(y).max() <= 1.0
    assert np.abs(y[-SR // 2 :]).max() < 1e-3 * np.abs(y).max()
    second = y[SR : 2 * SR]
    assert np.abs(y[2 * SR : 3 * SR]).max() == pytest.approx(np.abs(second).max(), rel=0.05)
    f0 = float(midi_to_hz(pitch))
    spectrum = np.abs(np.fft.rfft(second * np.hanning(SR)))
    assert np.argmax(spectrum[: round(1.5 * f0)]) == pytest.approx(f0, abs=2)


def test_partials_are_those_of_the_sample(font):
    saw_image, struck_image = (
        analyze_note(font.render(preset, 60, 100), 60) for preset in font.presets()
    )
    saw_fall = saw_image[60, 0, 0] - saw_image[60, [1, 3, 7], 0]
    np.testing.assert_allclose(saw_fall, 20 * np.log10([2, 4, 8]), atol=1.0)
    level = np.interp([0.5, 2.5], harmonic.FRAME_TIMES, struck_image[:, 0, 0])
    assert level[0] - level[1] == pytest.approx(24.0, abs=1.0)


def test_louder_keys_are_louder(font):
    preset = next(iter(font.presets()))
    peaks = [np.abs(font.render(preset, 60, velocity)).max() for velocity in (40, 80, 120)]
    assert peaks[0] < 0.5 * peaks[1] < 0.25 * peaks[2] * 2


def test_a_note_does_not_depend_on_what_was_played_before(font):
    saw_preset, struck_preset = font.presets()
    first = font.render(saw_preset, 60, 40)
    font.render(struck_preset, 47, 120)
    font.render(saw_preset, 90, 120)
    np.testing.assert_array_equal(font.render(saw_preset, 60, 40), first)


def test_a_soft_note_has_no_hiss(font):
    y = font.render(next(iter(font.presets())), 60, 10)
    # 16 bits would leave a noise of 1e-5.
    still = y[round(3.5 * SR) :]
    assert np.abs(still).max() < 1e-7


def test_what_is_no_soundfont_is_refused(tmp_path, monkeypatch, capfd):
    (tmp_path / "text.sf2").write_text("no SoundFont")
    if not fluidsynth_is_here():
        monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    for name in ("none.sf2", "text.sf2"):
        with pytest.raises(ModelNotFoundError, match=rf"{name} .*SoundFont"):
            SoundFont(tmp_path / name)
    # FluidSynth would tell it in lines of its own.
    assert capfd.readouterr().err == ""


def test_without_fluidsynth_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    match = r"apt-get install libfluidsynth3.*checkout.*\.\[train\]"
    with pytest.raises(ModelNotFoundError, match=match):
        SoundFont(write_soundfont(tmp_path / "tiny.sf2"))


def test_missing_soundfonts_say_what_to_install(tmp_path):
    with pytest.raises(ModelNotFoundError, match="apt-get install fluid-soundfont-gm musescore"):
        find_soundfonts((str(tmp_path / "none.sf2"),))


def test_the_full_soundfont_stands_for_its_smaller_twin(tmp_path):
    names = ("A.sf3", "A_Full.sf3", "B.sf2")
    for name in names:
        (tmp_path / name).touch()
    found = find_soundfonts(tuple(str(tmp_path / name) for name in names))
    assert [path.name for path in found] == ["A_Full.sf3", "B.sf2"]


def test_licences_are_told_of_what_is_known():
    assert licence_of("/usr/share/sounds/sf3/MuseScore_General_Full.sf3") == "MIT"
    assert licence_of("FluidR3_GM.sf2") == "MIT"
    assert licence_of("mine.sf2") == "unknown"


def test_one_of_debians_soundfonts_that_is_missing_is_told(tmp_path, caplog):
    (tmp_path / "FluidR3_GM.sf2").write_bytes(b"")
    paths = tuple(str(tmp_path / name) for name in ("FluidR3_GM.sf2", "MuseScore_General.sf3"))
    assert find_soundfonts(paths) == [tmp_path / "FluidR3_GM.sf2"]
    assert caplog.messages == [
        "MuseScore_General is not installed and is skipped; install it with "
        "'apt-get install musescore-general-soundfont'"
    ]
    caplog.clear()
    (tmp_path / "MuseScore_General.sf3").write_bytes(b"")
    assert len(find_soundfonts(paths)) == 2
    assert caplog.messages == []


def test_every_synthesiser_is_dry(tmp_path, monkeypatch):
    import sys
    from types import SimpleNamespace

    from retimbre.train.data import fluid

    made = []

    class Synth:
        def __init__(self, **options):
            self.settings, self.synth = {}, None
            made.append(self)

        def setting(self, name, value):
            self.settings[name] = value

        def sfload(self, path):
            return 0

        def __getattr__(self, name):
            return lambda *args: None

    library = SimpleNamespace(Synth=Synth, cfunc=lambda *args: lambda *values: 0)
    monkeypatch.setitem(sys.modules, "fluidsynth", library)
    (tmp_path / "a.sf2").write_bytes(b"")
    fluid.FluidSynth(tmp_path / "a.sf2").play(0, 0, 60, 80, 4, 4)
    assert len(made) == 2
    for synth in made:
        assert synth.settings == {"synth.reverb.active": 0, "synth.chorus.active": 0}
