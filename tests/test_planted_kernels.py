"""Mistakes planted in the kernels, or in what they are given: the checks must notice each."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cases import check, random_case
from kernel_shim import shim

from albu_cutmix.kernels import BLOCK, JOB, ROW, source_code

SEEDS = 100
BOTH = (False, True)

CHANGES = [
    pytest.param("at.column < end;", "at.column <= end;", BOTH, id="a-byte-too-wide"),
    pytest.param("end(row.x_max * job", "end((row.x_max - 1) * job", BOTH, id="a-pixel-narrow"),
    pytest.param("at.y < y_max &&", "at.y <= y_max &&", BOTH, id="a-row-too-low-in-bytes"),
    pytest.param("at.y >= patch.y_max", "at.y > patch.y_max", BOTH, id="a-row-too-low"),
    pytest.param("at.y < patch.y_min", "at.y <= patch.y_min", BOTH, id="first-row-left-out"),
    pytest.param("last <= patch.end ?", "last <= patch.end + 1 ?", BOTH, id="vector-too-wide"),
    pytest.param("patch.begin <= at.column &&", "", BOTH, id="left-edge-forgotten"),
    pytest.param("if (last > job.run) return PART;", "", BOTH, id="row-ends-forgotten"),
    pytest.param("column = 0;", "column = 1;", BOTH, id="next-row-begins-late"),
    pytest.param("if (++y == job.height) y = 0;", "++y;", BOTH, id="next-plane-forgotten"),
    pytest.param("y = row % job.height;", "y = row;", BOTH, id="planes-forgotten"),
    pytest.param("offset / job.run;", "offset / job.height;", BOTH, id="run-and-height"),
    pytest.param("row.donor * job.source_step", "row.donor * job.target_step", (False,), id="step"),
    pytest.param("job.target + row.sample * job.target_step", "job.target", (False,), id="no-step"),
    pytest.param("covered == ALL ? donor : own", "own", (False,), id="no-donor"),
    pytest.param("index * WIDTH", "index * WIDTH + 1", BOTH, id="alignment"),
    pytest.param("index >= job.size / WIDTH", "index > job.size / WIDTH", BOTH, id="beyond"),
    pytest.param("8 * (byte % sizeof(Word))", "4 * (byte % sizeof(Word))", BOTH, id="shift"),
    pytest.param("(longer ? cycle : job.longer)", "cycle", (True,), id="short-cycles-late"),
    pytest.param("k = first; k < last", "k = first; k + 1 < last", (True,), id="cycle-not-walked"),
]


@pytest.mark.parametrize(
    ("change", "in_place"),
    [
        pytest.param(
            param.values[:2], in_place, id=f"{param.id}-{'inplace' if in_place else 'new'}"
        )
        for param in CHANGES
        for in_place in param.values[2]
    ],
)
def test_changed_kernels_are_noticed(change, in_place):
    """A kernel with a mistake fails on some of the random batches."""
    right, wrong = change
    assert right in source_code()
    assert first_failure(shim(source_code().replace(right, wrong)), in_place=in_place)


def first_failure(kernels, **how):
    """Return what the check says of the first random batch that fails, "" if none does."""
    said = (failure(random_case(seed), kernels, **how) for seed in range(SEEDS))
    return next(filter(None, said), "")


def failure(case, kernels, **how):
    """Return what the check says of a batch, "" if nothing."""
    try:
        check(case, kernels, **how)
    except AssertionError as error:
        return str(error)
    return ""


def test_first_sample_read_too_late_is_noticed():
    """The last of a cycle must not take what the first one has become."""
    right = "put<WIDTH>(job, closing_patch, at, origin + closing.sample * job.target_step, kept);"
    late = right.replace(
        "kept);",
        "take<WIDTH>(job, closing_patch, at, origin + closing.donor * job.target_step));",
    )
    assert right in source_code()
    assert "not equal" in first_failure(shim(source_code().replace(right, late)), in_place=True)


def every_row_alone(launch):
    """Let threads of their own write each sample of a cycle: the naive way in place."""
    job = launch.job.copy()
    count = int(job["short_cycle"][0]) * launch.grid[1] + int(job["longer"][0])
    job["short_cycle"], job["longer"] = 1, 0
    return launch._replace(job=job, grid=(launch.grid[0], count))


def test_naive_mixing_in_place_is_a_race():
    """Bytes that a thread reads while another one writes them are reported, whoever was first."""
    assert "race" in first_failure(shim(), in_place=True, change=every_row_alone)


def widest_vectors(launch):
    """Take vectors of 16 bytes, whatever the addresses."""
    name, _, _ = launch.kernel.rpartition("_")
    return launch._replace(kernel=f"{name}_16")


@pytest.mark.parametrize("in_place", BOTH, ids=["new", "inplace"])
def test_vectors_that_are_too_wide_are_noticed(in_place):
    """They are misaligned, or leave bytes of a sample out."""
    assert first_failure(shim(), in_place=in_place, change=widest_vectors)


def exchange(one, other):
    """Return a change of jobs by which two fields trade places."""

    def change(launch):
        job = launch.job.copy()
        numbers = job if one in JOB.names else job["rows"]
        numbers[one], numbers[other] = numbers[other].copy(), numbers[one].copy()
        return launch._replace(job=job)

    return change


@pytest.mark.parametrize("in_place", BOTH, ids=["new", "inplace"])
@pytest.mark.parametrize(
    ("one", "other"), [("height", "run"), ("x_min", "y_min"), ("sample", "donor"), ("pixel", "run")]
)
def test_exchanged_fields_are_noticed(one, other, in_place):
    """Two numbers of a job in each other's place give other bytes."""
    assert first_failure(shim(), in_place=in_place, change=exchange(one, other))


def of_64_bits(rows):
    """Return a change of jobs that gives so many rows as int64, as NumPy has them."""
    wide = np.dtype([(name, "i8") for name in ROW.names])
    numbers = [(name, JOB.fields[name][0]) for name in JOB.names[:-1]]

    def change(launch):
        job = np.zeros(1, dtype=[*numbers, ("rows", wide, (rows,))])
        for name, _ in numbers:
            job[name] = launch.job[name]
        job["rows"] = launch.job["rows"][:, :rows].astype(wide)
        return launch._replace(job=job)

    return change


def test_rectangles_of_64_bits_are_noticed():
    """A job of another size is refused; one that happens to be as large points elsewhere."""
    said = first_failure(shim(), in_place=False, change=of_64_bits(320))
    assert said.endswith("takes (3896,) bytes, got (15416,)")
    assert "load out of bounds" in first_failure(shim(), in_place=False, change=of_64_bits(80))


def test_arguments_in_excess_are_noticed():
    """The kernels have one argument."""
    job = np.zeros(1, dtype=JOB)
    with pytest.raises(AssertionError, match="takes"):
        shim().launch("mix_new_1", (1, 1), (BLOCK,), [job, job])


@pytest.mark.parametrize(
    ("grid", "block", "words"),
    [
        pytest.param((1, 65_536), (BLOCK,), "no GPU has a grid", id="grid"),
        pytest.param((0, 1), (BLOCK,), "no GPU has a grid", id="empty-grid"),
        pytest.param((1, 1), (2048,), "no GPU has a block", id="block"),
    ],
)
def test_launches_beyond_a_gpu_are_noticed(grid, block, words):
    """The shim refuses grids and blocks that no device takes."""
    with pytest.raises(AssertionError, match=words):
        shim().launch("mix_new_1", grid, block, [np.zeros(1, dtype=JOB)])


def test_unknown_kernels_are_noticed():
    """A name that mix.cu does not have is an error."""
    with pytest.raises(AssertionError, match="no kernel 'mix_new_3'"):
        shim().parameters("mix_new_3")


def test_right_kernels_pass_what_the_planted_ones_fail():
    """The batches that notice the mistakes above are mixed rightly without them."""
    assert not first_failure(shim(), in_place=False)
    assert not first_failure(shim(), in_place=True)
