"""What the page on GANSynth says works."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from fake_mel_model import write_mel_model

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "gansynth.md").read_text(encoding="utf-8")

CHECKS = """
assert waves.shape == (2, 64000)
assert waves.dtype == np.float32
assert specgrams.shape == (2, 32, 1024, 2)
assert generator.sample_rate == 16000
"""


def test_the_python_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    write_mel_model(tmp_path / "models" / "all_instruments", np.zeros((128, 1024, 2), np.float32))
    subprocess.run([sys.executable, "-c", example + CHECKS], cwd=tmp_path, check=True)
