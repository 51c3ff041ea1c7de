"""`MixSchedule`: factors by epoch, epochs that running workers see, and mixes that follow."""

from __future__ import annotations

import copy
import math
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from albu_cutmix import CutMix, Donor, InvalidArgumentError, MixSchedule, audit

SHAPE = (13, 17, 3)
forks = [
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def factors(*arguments, **named) -> list[float]:
    """The factor of every epoch of a schedule, and of one after the last."""
    schedule = MixSchedule(*arguments, **named)
    return [schedule.factor(epoch) for epoch in range(schedule.epochs + 1)]


# Factors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, [1, 1, 1, 1, 1, 1, 1]),
        ({"stop_last": 2}, [1, 1, 1, 1, 0, 0, 0]),
        ({"warmup": 2}, [0, 0, 1, 1, 1, 1, 1]),
        ({"warmup": 3, "ramp": "linear"}, [1 / 4, 2 / 4, 3 / 4, 1, 1, 1, 1]),
        (
            {"warmup": 3, "ramp": "cosine", "stop_last": 1},
            [*((1 - math.cos(math.pi * t)) / 2 for t in (0.25, 0.5, 0.75)), 1, 1, 0, 0],
        ),
    ],
    ids=["plain", "stop", "step", "linear", "cosine"],
)
def test_factor_of_each_epoch(named, expected):
    """Off or rising during the warm-up, full after it, off in the last epochs and beyond."""
    assert factors(6, **named) == pytest.approx(expected)


def test_epoch_that_runs_is_the_default():
    """Without an argument the factor is that of the epoch that was set."""
    schedule = MixSchedule(4, stop_last=1)
    assert (schedule.epoch, schedule.factor()) == (0, 1.0)
    schedule.set_epoch(np.int64(3))
    assert (schedule.epoch, schedule.factor()) == (3, 0.0)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"epochs": 0}, r"epochs must be a whole number of at least 1, got 0\."),
        ({"epochs": 2.5}, r"epochs must be a whole number of at least 1, got 2\.5\."),
        ({"epochs": True}, r"epochs must be .* got True\."),
        ({"warmup": -1}, r"warmup must be a whole number of at least 0, got -1\."),
        ({"stop_last": "2"}, r"stop_last must be a whole number of at least 0, got '2'\."),
        ({"ramp": "sine"}, r"ramp must be one of constant, linear, cosine, got 'sine'\."),
        ({"ramp": "linear"}, r"ramp='linear' shapes the rise .* warmup is 0.*warmup=5\."),
        ({"warmup": 6, "stop_last": 4}, r"leave an epoch between them, got 6 and 4 of 10 epochs"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_arguments_that_cannot_be(named, message):
    """Each message says what was expected and what came."""
    with pytest.raises(InvalidArgumentError, match=message):
        MixSchedule(**{"epochs": 10, **named})


@pytest.mark.parametrize("epoch", [-1, 1.5, "1", None, True, 2**63], ids=repr)
def test_epoch_that_cannot_be(epoch):
    """An epoch is a whole number from 0."""
    with pytest.raises(InvalidArgumentError, match="epoch must be a whole number of at least 0"):
        MixSchedule(3).set_epoch(epoch)


@pytest.mark.parametrize("value", [5, [3], {"epoch": 5}, "cosine"], ids=repr)
def test_schedule_of_a_mix_that_cannot_be(value):
    """A mix takes a schedule or a mapping of its arguments."""
    with pytest.raises(InvalidArgumentError, match="schedule must be a MixSchedule, or a mapping"):
        CutMix(schedule=value)


# The mix -----------------------------------------------------------------------------------------


def mix(schedule, p: float = 1.0, **named) -> CutMix:
    """A mix of small images."""
    donors = [Donor(np.full(SHAPE, 255, np.uint8), label=1) for _ in range(3)]
    return CutMix(donors, classes=2, schedule=schedule, p=p, **named)


def reasons(run, calls: int) -> Counter:
    """How often each reason came, "" where the mix was applied."""
    image = np.zeros(SHAPE, np.uint8)
    return Counter(run(image=image, label=0)["mix"].reason for _ in range(calls))


def test_mix_follows_its_schedule():
    """In full swing p of the calls are mixed, in the last epochs none, and the record says why."""
    schedule = MixSchedule(4, stop_last=1)
    run = A.Compose([mix(schedule)], seed=1)
    assert reasons(run, 50) == {"": 50}
    schedule.set_epoch(3)
    assert reasons(run, 50) == {"schedule": 50}


def test_factor_multiplies_p():
    """Half of p is mixed at a factor of a half; the rest is told apart by its reason."""
    schedule = MixSchedule(9, warmup=3, ramp="linear")
    schedule.set_epoch(1)
    assert schedule.factor() == 0.5
    found = reasons(A.Compose([mix(schedule, p=0.6)], seed=2), 4000)
    for reason, share in (("", 0.3), ("schedule", 0.3), ("p", 0.4)):
        assert abs(found[reason] / 4000 - share) < 0.03  # four standard deviations


def test_container_that_forces_a_mix_keeps_to_the_schedule():
    """`OneOf` calls what it chose without asking for p: the schedule still counts."""
    schedule = MixSchedule(2, stop_last=1)
    schedule.set_epoch(1)
    run = A.Compose([A.OneOf([mix(schedule, p=0.5)], p=1.0)], seed=3)
    assert reasons(run, 20) == {"schedule": 20}


def test_label_and_keys_are_the_same_when_off():
    """A call that the schedule left alone returns the keys and types of one that was mixed."""
    schedule = MixSchedule(2, stop_last=1)
    run = A.Compose([mix(schedule, seam_key="seam")], seed=3)
    image = np.zeros(SHAPE, np.uint8)
    on = run(image=image, label=0)
    schedule.set_epoch(1)
    off = run(image=image, label=0)
    assert on.keys() == off.keys()
    assert off["label"].tolist() == [1.0, 0.0]
    assert not off["seam"].any()
    np.testing.assert_array_equal(off["image"], image)


def test_no_donor_is_read_when_off():
    """What is not mixed costs no donor."""

    class Counted(list):
        read = 0

        def __getitem__(self, index):
            Counted.read += 1
            return super().__getitem__(index)

    schedule = MixSchedule(2, stop_last=1)
    donors = Counted([Donor(np.full(SHAPE, 255, np.uint8), label=1)])
    run = CutMix(donors, schedule=schedule, p=1.0)
    schedule.set_epoch(1)
    run(image=np.zeros(SHAPE, np.uint8))
    assert Counted.read == 0
    schedule.set_epoch(0)
    run(image=np.zeros(SHAPE, np.uint8))
    assert Counted.read == 1


def test_audit_looks_at_the_mix_in_full_swing():
    """An audit before a run judges the mixes that will be made, not those of a warm-up."""
    schedule = MixSchedule(9, warmup=3)
    run = mix(schedule)
    report = audit(run, run.pool, n=10, sweep=False)
    assert report.summary["applied"] == 1.0
    assert run.on_schedule


# Saved, pickled, copied --------------------------------------------------------------------------


def test_saved_pipeline_holds_the_schedule():
    """Its arguments are saved as plain data; the epoch belongs to a run."""
    schedule = MixSchedule(9, warmup=2, ramp="linear", stop_last=3)
    schedule.set_epoch(4)
    saved = A.to_dict(A.Compose([mix(schedule)]))
    (args,) = saved["transform"]["transforms"]
    assert args["schedule"] == {"epochs": 9, "warmup": 2, "stop_last": 3, "ramp": "linear"}
    (again,) = A.from_dict(saved).transforms
    assert (again.schedule, again.schedule.epoch) == (schedule, 0)


@pytest.mark.parametrize(
    "how", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy], ids=["pickle", "copy"]
)
def test_copies_belong_to_the_same_run(how):
    """An epoch set on one is seen by the other, both ways."""
    one = MixSchedule(9)
    other = how(one)
    one.set_epoch(3)
    assert other.epoch == 3
    other.set_epoch(4)
    assert one.epoch == 4


def test_pickle_outlives_its_process():
    """Loaded when the run is over, a schedule goes on from the epoch of the pickle."""
    code = (
        "import sys, pickle; from albu_cutmix import MixSchedule; s = MixSchedule(9, stop_last=2);"
        "s.set_epoch(5); sys.stdout.buffer.write(pickle.dumps(s))"
    )
    data = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    schedule = pickle.loads(data)
    assert (schedule.epochs, schedule.stop_last, schedule.epoch) == (9, 2, 5)
    schedule.set_epoch(6)
    assert schedule.epoch == 6


def test_checkpoint_keeps_the_epoch():
    """`state_dict` and `load_state_dict`, as of a module of torch."""
    schedule = MixSchedule(9)
    schedule.set_epoch(7)
    resumed = MixSchedule(9)
    resumed.load_state_dict(schedule.state_dict())
    assert resumed.epoch == 7
    with pytest.raises(InvalidArgumentError, match="epoch must be a whole number"):
        resumed.load_state_dict({"step": 9})


def test_many_schedules_hold_few_files_open():
    """Each has a number of its own, and they share their files."""
    code = (
        "import os; from albu_cutmix import MixSchedule;"
        "made = [MixSchedule(9) for _ in range(2000)];"
        "[one.set_epoch(i) for i, one in enumerate(made)];"
        "assert [one.epoch for one in made] == list(range(2000));"
        "print(len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else 0)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(out.stdout) < 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_schedule_of_a_worker_is_its_own():
    """One that a forked process makes is not the next one that its parent makes."""
    code = (
        "import os; from albu_cutmix import MixSchedule; first = MixSchedule(9); child = os.fork();"
        "own = MixSchedule(9); own.set_epoch(5) if child == 0 else os.waitpid(child, 0);"
        "os._exit(0) if child == 0 else print(own.epoch, first.epoch)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.split() == ["0", "0"]


def test_folder_of_a_process_is_removed_with_it():
    """Nothing is left behind in the folder for temporary files."""
    code = (
        "from albu_cutmix import MixSchedule, sharing; MixSchedule(3); print(sharing._own_folder())"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "albu_cutmix-" in out.stdout
    assert not Path(out.stdout.strip()).exists()


# Workers -----------------------------------------------------------------------------------------


class Mixed(Dataset):
    """Images through a scheduled mix."""

    def __init__(self, run: A.Compose) -> None:
        self.run = run

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int):
        out = self.run(image=np.zeros(SHAPE, np.uint8), label=0)["mix"]
        info = torch.utils.data.get_worker_info()
        return out.applied, out.reason, info.id


@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker processes:UserWarning")
@pytest.mark.parametrize(
    "start", [pytest.param("fork", marks=forks), "spawn"], ids=["fork", "spawn"]
)
def test_epochs_reach_running_workers(start):
    """Four persistent workers mix nothing, something, all, nothing, as the epochs go on."""
    schedule = MixSchedule(5, warmup=2, ramp="constant", stop_last=1)
    loader = DataLoader(
        Mixed(A.Compose([mix(schedule)])),
        batch_size=2,
        num_workers=4,
        persistent_workers=True,
        multiprocessing_context=start,
    )
    counts = []
    for epoch in range(5):
        schedule.set_epoch(epoch)
        applied, why, workers = zip(*loader, strict=True)
        counts.append(int(torch.cat(applied).sum()))
        assert set(torch.cat(workers).tolist()) == {0, 1, 2, 3}
        assert {reason for batch in why for reason in batch} == {"" if counts[-1] else "schedule"}
    assert counts == [0, 0, 32, 32, 0]
    schedule.set_epoch(2)  # as after a resume from a checkpoint
    assert sum(int(applied.sum()) for applied, _, _ in loader) == 32
