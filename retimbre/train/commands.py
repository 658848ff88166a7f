"""The commands ``retimbre dataset``, ``train``, ``export`` and ``import-gansynth``."""

from retimbre.train.dataset_command import dataset
from retimbre.train.export_command import export
from retimbre.train.import_command import import_gansynth
from retimbre.train.train_command import train

__all__ = ["dataset", "export", "import_gansynth", "train"]
