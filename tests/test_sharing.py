"""Tables and numbers that processes share: lifetimes, threads, disks without room."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from albu_cutmix import CutMixError, DonorReadError, MixSchedule, sharing
from albu_cutmix.choice import Chances
from albu_cutmix.sharing import SharedNumber

forks = [
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture
def fresh_folder(tmp_path, monkeypatch):
    """The folder for temporary files is another one, and this process has none in it yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sharing, "_folder", None)
    monkeypatch.setattr(sharing, "_free", (0, "", 0))
    return tmp_path


def test_schedules_of_threads_are_their_own():
    """No two of them have one place, whenever they are made."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: [MixSchedule(9) for _ in range(50)], range(40)))
    schedules = [one for some in made for one in some]
    for number, schedule in enumerate(schedules):
        schedule.set_epoch(number)
    assert [schedule.epoch for schedule in schedules] == list(range(len(schedules)))


def test_schedule_outlives_the_process_it_came_from():
    """Loaded while its owner runs, it goes on when that one has ended."""
    code = (
        "import sys, pickle; from albu_cutmix import MixSchedule; s = MixSchedule(9);"
        "s.set_epoch(5); print(pickle.dumps(s).hex(), flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    schedule = pickle.loads(bytes.fromhex(owner.stdout.readline().decode()))
    owner.communicate()
    assert schedule.epoch == 5
    schedule.set_epoch(6)
    assert pickle.loads(pickle.dumps(schedule)).epoch == 6


def test_numbers_survive_a_cleaned_folder(fresh_folder):
    """Cleaners of temporary files do not part a run from workers that are started later."""
    number = SharedNumber(3)
    early = number._places[0]
    shutil.rmtree(sharing._folder[1])
    late = pickle.loads(pickle.dumps(number))
    number.value = 7
    assert late.value == 7
    late.value = 8
    assert number.value == 8
    number.value = 9
    assert sharing._map(early[0])[early[1]] == 9  # what a worker that runs already sees


def test_a_folder_without_room_is_named(fresh_folder, monkeypatch):
    """The message says which folder, and how to choose another; no part of a file stays."""
    chances = Chances(np.arange(1, 5000), 4999)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    real = sharing.os.fdopen

    class Full:
        def __init__(self, *args: object) -> None:
            self.file = real(*args)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        writelines = full

    monkeypatch.setattr(sharing.os, "fdopen", Full)
    words = rf"{fresh_folder}, cannot be written: .*No space left.*TMPDIR"
    for work in (lambda: MixSchedule(5), lambda: pickle.dumps(chances)):
        with pytest.raises(CutMixError, match=words):
            work()
    assert not [path for path in fresh_folder.rglob("*") if path.is_file()]


def test_a_missing_temporary_folder_is_named(fresh_folder, monkeypatch):
    """So is one that does not exist."""
    monkeypatch.setattr(tempfile, "tempdir", str(fresh_folder / "no"))
    with pytest.raises(CutMixError, match=r"cannot be written: .*TMPDIR"):
        MixSchedule(5)


def make_and_pickle(_: int) -> str:
    """Use the folder of a worker, and tell which it is."""
    MixSchedule(5)
    pickle.dumps(Chances(np.arange(1, 5000), 4999))
    return str(sharing._own_folder())


@pytest.mark.parametrize("start", [pytest.param("fork", marks=forks), "spawn"])
def test_workers_take_their_folders_with_them(start):
    """Processes of multiprocessing end without atexit, and leave nothing behind either."""
    with multiprocessing.get_context(start).Pool(2) as workers:
        folders = set(workers.map(make_and_pickle, range(4)))
        workers.close()
        workers.join()
    assert str(sharing._own_folder()) not in folders
    assert not [folder for folder in folders if Path(folder).exists()]


def test_table_that_cannot_be_mapped_is_not_called_gone(monkeypatch):
    """Without a free file handle the reason is told."""
    data = pickle.dumps(Chances(np.arange(1, 5000), 4999))

    def no_handle(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(sharing.mmap, "mmap", no_handle)
    with pytest.raises(DonorReadError, match=r"Chances cannot be mapped: .*Too many open files"):
        pickle.loads(data)
