import sys
from pathlib import Path

# At the end: the scripts have names such as crepe.py and notes.py, which must hide nothing.
sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
