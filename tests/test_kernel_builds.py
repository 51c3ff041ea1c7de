"""The CUDA kernels, compiled by NVRTC for each generation of GPUs: CuPy's compiler, no GPU needed.

Not run here: the compiled code itself. See `test_kernels.py` for what the source does.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from albu_cutmix.kernels import JOB, source_code

GENERATIONS = (75, 80, 86, 89, 90, 100, 120)
NEVER = ("bar.", "barrier", "shfl", "vote", ".shared", ".local", "call")


@cache
def nvrtc() -> ctypes.CDLL:
    """Return NVIDIA's runtime compiler, or skip the test that needs it."""
    places = [
        path
        for folder in sys.path
        for path in Path(folder or ".").glob("nvidia/*/lib/libnvrtc.so.*")
    ]
    name = str(places[0]) if places else ctypes.util.find_library("nvrtc")
    if name is None:
        pytest.skip("needs NVRTC: pip install nvidia-cuda-nvrtc")
    return ctypes.CDLL(name)


def supported() -> list[int]:
    """Return the generations that this NVRTC knows."""
    count = ctypes.c_int()
    assert nvrtc().nvrtcGetNumSupportedArchs(ctypes.byref(count)) == 0
    numbers = (ctypes.c_int * count.value)()
    assert nvrtc().nvrtcGetSupportedArchs(numbers) == 0
    return list(numbers)


def text_of(program: ctypes.c_void_p, what: str) -> str:
    """Return the log or the PTX of a program."""
    size = ctypes.c_size_t()
    assert getattr(nvrtc(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)) == 0
    text = ctypes.create_string_buffer(size.value)
    assert getattr(nvrtc(), f"nvrtcGet{what}")(program, text) == 0
    return text.value.decode()


@cache
def compiled(source: str, generation: int) -> tuple[str, str]:
    """Return the PTX of a source, and what the compiler said of it; "" if it does not compile."""
    program = ctypes.c_void_p()
    options = [b"-std=c++14", f"--gpu-architecture=sm_{generation}".encode()]
    texts = ctypes.byref(program), source.encode(), b"mix.cu", 0, None, None
    assert nvrtc().nvrtcCreateProgram(*texts) == 0
    try:
        failed = nvrtc().nvrtcCompileProgram(program, 2, (ctypes.c_char_p * 2)(*options))
        return "" if failed else text_of(program, "PTX"), text_of(program, "ProgramLog")
    finally:
        assert nvrtc().nvrtcDestroyProgram(ctypes.byref(program)) == 0


def bodies(ptx: str) -> dict[str, str]:
    """Return the text of each kernel by its name."""
    parts = re.split(r"\.entry (\w+)", ptx)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_kernels_compile(generation):
    """All ten, without a warning; they use no memory but the global one, and wait for nobody."""
    if generation not in supported():
        pytest.skip(f"this NVRTC does not know sm_{generation}")
    ptx, log = compiled(source_code(), generation)
    assert log == ""
    kernels = bodies(ptx)
    assert sorted(kernels) == sorted(
        f"mix_{way}_{width}" for way in ("new", "inplace") for width in (16, 8, 4, 2, 1)
    )
    assert not [word for word in NEVER if word in ptx]


@pytest.mark.parametrize(
    ("width", "kind"), [(16, r"v4\.[ub]32"), (8, r"v2\.[ub]32"), (4, "[ub]32"), (2, "[ub]16")]
)
@pytest.mark.parametrize("way", ["new", "inplace"])
def test_vectors_are_single_accesses(way, width, kind):
    """A vector is loaded and stored by one instruction, known to be of global memory."""
    body = bodies(compiled(source_code(), 90)[0])[f"mix_{way}_{width}"]
    assert re.search(rf"ld\.global(\.nc)?\.{kind}", body)
    assert re.search(rf"st\.global\.{kind}", body)
    assert not re.search(r"\b(ld|st)\.(v\d\.)?[ubs]\d", body)  # through an address of any kind


def test_the_job_is_one_argument_by_value():
    """Every kernel takes the bytes of `JOB`, where eight divides."""
    for name, body in bodies(compiled(source_code(), 90)[0]).items():
        assert f".align 8 .b8 {name}_param_0[{JOB.itemsize}]" in body


def test_mistakes_do_not_compile():
    """The compiler is really asked: an error in the source is reported with its line."""
    ptx, log = compiled(
        source_code().replace("Place at(job, offset);", "Place at(job offset);"), 90
    )
    assert ptx == ""
    assert re.search(r"mix\.cu\(\d+\): error", log)


def test_barriers_and_local_memory_would_be_seen():
    """The words that must not be in the code are those of its compiler."""
    source = (
        'extern "C" __global__ void odd(int* out, int k) { __shared__ int all[32];'
        "volatile int own[9]; own[k] = k; all[threadIdx.x] = own[k / 2]; __syncthreads();"
        "*out = __shfl_sync(~0u, all[k], 0) + __any_sync(~0u, k); }"
    )
    ptx, _ = compiled(source, 90)
    assert {"bar.", "shfl", "vote", ".shared", ".local"} <= {word for word in NEVER if word in ptx}
