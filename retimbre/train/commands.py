"""The commands ``retimbre dataset``, ``retimbre train`` and ``retimbre export``."""

from retimbre.train.dataset_command import dataset
from retimbre.train.export_command import export
from retimbre.train.train_command import train

__all__ = ["dataset", "export", "train"]
