"""The stand-in for CuPy is as strict as CuPy where host code could go wrong."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from fake_cupy import fake_cupy
from kernel_shim import shim

from albu_cutmix.kernels import BLOCK, plan_launches, read_frames, source_code
from albu_cutmix.memory import Memory


@pytest.fixture
def cupy():
    """A stand-in of its own."""
    return fake_cupy(shim())


class Foreign:
    """A stream of another library."""

    def __init__(self, answer=(0, 0x77)):
        self.answer = answer

    def __cuda_stream__(self):
        return self.answer


def frames(array):
    """Return a batch (B, H, W, C) as the kernels see it."""
    memory = Memory(array.data.ptr, array.shape, array.strides, array.itemsize)
    return read_frames(memory, 2, "image")


def test_kernels_mix_its_arrays(cupy):
    """The same launches as on a device run on its memory; stream and device are noted."""
    image = cupy.asarray(np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3))
    mixed = cupy.empty_like(image)
    patches = np.array([[1, 0, 3, 2], [0, 0, 0, 0]])
    (launch,) = plan_launches(frames(image), frames(mixed), np.array([0, 1]), 1, patches)
    kernels = cupy.RawModule(code=source_code(), options=("-std=c++14",))
    with cupy.cuda.Device(1), cupy.cuda.Stream.from_external(Foreign()):
        kernels.get_function(launch.kernel)(launch.grid, (BLOCK,), (launch.job,))
    assert cupy.log.launches == [("mix_new_16", (1, 2), (256,), 0x77, 1)]
    assert (cupy.log.device, cupy.log.stream, cupy.log.waits) == (0, 0, [])
    want = image.get()
    want[0, :2, 1:3] = want[1, :2, 1:3]
    np.testing.assert_array_equal(cupy.asnumpy(mixed), want)


def test_memory_that_died_is_out_of_bounds(cupy):
    """A kernel must not touch an array that nobody holds."""
    image = cupy.asarray(np.zeros((2, 4, 4, 3), dtype=np.uint8))
    here = frames(image)
    (launch,) = plan_launches(here, here, np.array([0, 1]), 1, np.array([[0, 0, 4, 4]] * 2))
    kernel = cupy.RawModule(code=source_code()).get_function(launch.kernel)
    kernel(launch.grid, (BLOCK,), (launch.job,))
    del image
    gc.collect()
    with pytest.raises(AssertionError, match="load out of bounds"):
        kernel(launch.grid, (BLOCK,), (launch.job,))


@pytest.mark.parametrize(
    "mix",
    [
        pytest.param(lambda cupy, x, host: x + host, id="operator"),
        pytest.param(lambda cupy, x, host: host + x, id="from-the-left"),
        pytest.param(lambda cupy, x, host: x[host], id="index"),
        pytest.param(lambda cupy, x, host: x.__setitem__(0, host), id="assignment"),
        pytest.param(lambda cupy, x, host: cupy.maximum(x, host), id="function"),
        pytest.param(lambda cupy, x, host: cupy.concatenate((x, host)), id="sequence"),
        pytest.param(lambda cupy, x, host: np.maximum(x, host), id="function-of-numpy"),
        pytest.param(lambda cupy, x, host: np.asarray(x), id="asarray"),
        pytest.param(lambda cupy, x, host: np.concatenate((host, x)), id="into-numpy"),
    ],
)
def test_numpy_arrays_are_not_mixed_in(cupy, mix):
    """Host and device arrays meet nowhere without being asked to."""
    with pytest.raises(TypeError):
        mix(cupy, cupy.asarray(np.arange(3)), np.arange(3))


def test_operations_are_those_of_numpy(cupy):
    """Operators, methods and functions give arrays of the stand-in, with NumPy's values."""
    host = np.arange(12, dtype=np.int32).reshape(3, 4)
    x = cupy.asarray(host)
    made = cupy.where((x > 3) & ~(x == 7), 2 - x, cupy.minimum(x, 5)).astype(cupy.float32).sum(1)
    made += 1
    assert isinstance(made, cupy.ndarray)
    want = np.where((host > 3) & ~(host == 7), 2 - host, np.minimum(host, 5)).sum(1) + 1
    np.testing.assert_array_equal(made.get(), want.astype(np.float32))
    assert x.sum().shape == ()
    assert x.T.strides == (4, 16)


@pytest.mark.parametrize(
    ("look", "why"),
    [
        pytest.param(lambda cupy, x: bool(x.any()), "bool", id="bool"),
        pytest.param(lambda cupy, x: int(x.sum()), "int", id="int"),
        pytest.param(lambda cupy, x: x.max().item(), "item", id="item"),
        pytest.param(lambda cupy, x: x.tolist(), "tolist", id="tolist"),
        pytest.param(lambda cupy, x: cupy.asnumpy(x), "get", id="asnumpy"),
        pytest.param(lambda cupy, x: x[x > 1], "index by bool", id="index"),
        pytest.param(
            lambda cupy, x: cupy.cuda.get_current_stream().synchronize(),
            "stream.synchronize",
            id="stream",
        ),
        pytest.param(
            lambda cupy, x: cupy.cuda.Device().synchronize(), "device.synchronize", id="device"
        ),
    ],
)
def test_waiting_for_the_device_is_noted(cupy, look, why):
    """Whatever needs a value on the host is in the log."""
    look(cupy, cupy.asarray(np.arange(3)))
    assert cupy.log.waits == [why]


def test_kernel_arguments_are_passed_as_cupy_does(cupy):
    """Arrays of NumPy by value if of size one, others are an error, and numbers by their dtype."""
    kernel = cupy.RawModule(code=source_code()).get_function("mix_new_1")
    with pytest.raises(TypeError, match=r"numpy.ndarray of shape \(2,\) as a kernel parameter"):
        kernel((1,), (1,), (np.zeros(2),))
    for wrong in (7, np.float32(7), cupy.asarray(np.zeros(9))):
        with pytest.raises(AssertionError, match=r"takes \(3896,\) bytes, got"):
            kernel((1,), (1,), (wrong,))
    with pytest.raises(TypeError, match="tuples"):
        kernel(1, 256, ())


@pytest.mark.parametrize(
    "foreign",
    [object(), Foreign((1, 5)), Foreign((0, None)), Foreign(7)],
    ids=["none", "version-1", "no-stream", "number"],
)
def test_streams_keep_to_the_protocol(cupy, foreign):
    """Only (0, pointer) is taken for a stream."""
    with pytest.raises(TypeError):
        cupy.cuda.Stream.from_external(foreign)


def test_unknown_names_are_errors(cupy):
    """What was not looked up in CuPy is not there, nor are arrays of objects or texts."""
    for name in ("unwrap", "zeros_likes"):
        with pytest.raises(AttributeError, match=f"no '{name}'; if CuPy has it, add it"):
            getattr(cupy, name)
    with pytest.raises(AttributeError, match="no attribute 'tobytes'"):
        cupy.asarray(np.zeros(1)).tobytes()
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cupy.asarray(np.array(["a"]))


def test_it_is_found_as_a_module(cupy, monkeypatch):
    """Code that looks for CuPy before it imports it finds the stand-in."""
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert find_spec("cupy") is not None
    assert cupy.is_available()
