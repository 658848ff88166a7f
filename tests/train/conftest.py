"""What several files look at: a tiny run, a small checkpoint of GANSynth."""

import pytest
from gansynth_files import SMALL, variables
from small_dataset import write_dataset
from tiny_runs import TINY, state_of


@pytest.fixture(scope="session")
def notes_folder(tmp_path_factory):
    """A little dataset."""
    folder = tmp_path_factory.mktemp("notes")
    write_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def notes(notes_folder):
    from retimbre.train.data.dataset import Dataset

    return Dataset(notes_folder)


@pytest.fixture
def eagerly():
    """Run steps op by op: tracing one takes as long as ten of them."""
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(before)


@pytest.fixture(scope="session")
def finished(notes, notes_folder, tmp_path_factory):
    """A tiny run, uninterrupted: its folder, the state at its end, what it reported."""
    import tensorflow as tf

    from retimbre.train.run.loop import train

    folder = tmp_path_factory.mktemp("training") / "run"
    lines, statuses = [], []
    tf.config.run_functions_eagerly(True)
    trainer = train(
        folder,
        notes,
        TINY,
        dataset_folder=notes_folder,
        report=lines.append,
        progress=statuses.append,
    )
    tf.config.run_functions_eagerly(False)
    return folder, state_of(trainer), lines, statuses


@pytest.fixture
def values():
    """What a small checkpoint of GANSynth holds."""
    return variables(SMALL)
