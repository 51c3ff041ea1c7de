"""`albu-cutmix doctor` and `backend_info`: what is here, and why something is not."""

from __future__ import annotations

import importlib
import re
import sys
import types

import numpy as np
import pytest

from albu_cutmix import BatchCutMix, MissingExtraError, backend_info, doctor
from albu_cutmix._backends import choose, cuda
from albu_cutmix.cli import main


@pytest.fixture(autouse=True)
def _found_anew():
    """CuPy is looked for anew, before and after each test."""
    cuda.find_cupy.cache_clear()
    yield
    cuda.find_cupy.cache_clear()


def broken_cupy(monkeypatch, **parts) -> None:
    """Put a module with the given parts in CuPy's place."""
    module = types.ModuleType("cupy")
    module.__spec__ = importlib.machinery.ModuleSpec("cupy", None)
    module.__version__ = "14.2.0"
    module.ndarray = type("ndarray", (), {})
    for name, value in parts.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "cupy", module)


def test_it_says_what_is_here(capsys):
    """The report names Python, host, NumPy and each kind of batch, and exits with 0."""
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"albu_cutmix [\d.]+, Python 3\.", out)
    assert "Albumentations: albumentations 2.0." in out
    assert f"numpy: NumPy {np.__version__}: arrays and CPU tensors are mixed in host memory" in out
    assert "TROUBLE" not in out


def test_both_hosts_are_trouble(monkeypatch, capsys):
    """Two distributions that own one import are said, and exit with 1."""
    monkeypatch.setattr(doctor, "version", lambda name: "2.0")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "TROUBLE: albumentations and albumentationsx are both installed" in out
    assert "opencv-python-headless and opencv-python and opencv-contrib-python are" in out


def test_without_cupy_it_says_how_to_get_it(monkeypatch):
    """CuPy that is not installed is named with the extras that bring it."""
    monkeypatch.setattr(cuda, "find_spec", lambda name: None)
    assert 'pip install "albu_cutmix[cuda13]"' in backend_info()["cupy"]


def test_cupy_that_cannot_be_imported(monkeypatch):
    """A broken installation is told with its own words."""
    monkeypatch.setattr(cuda, "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert (
        "CuPy is installed and cannot be imported: import of cupy halted" in backend_info()["cupy"]
    )


def test_cupy_without_a_device(monkeypatch):
    """No driver, or no device, is said; nothing is compiled."""
    broken_cupy(monkeypatch, is_available=lambda: False)
    info = backend_info()
    assert info["cupy"] == "CuPy 14.2.0 finds no CUDA device, or no driver for it"
    assert doctor.find_trouble() == []


def no_compiler(**_):
    """What CuPy does without NVRTC."""
    raise RuntimeError("libnvrtc.so was not found")


def test_cupy_without_a_compiler(monkeypatch):
    """A kernel that cannot be compiled is told with the compiler's words."""
    broken_cupy(monkeypatch, is_available=lambda: True, RawModule=no_compiler)
    expected = "CuPy 14.2.0 cannot compile the kernel: libnvrtc.so was not found"
    assert backend_info()["cupy"] == expected
    assert doctor.find_trouble() == [expected]


def test_a_cupy_array_without_a_kernel_is_an_error(monkeypatch):
    """CuPy arrays have no other way: the error says why the kernel is not there."""
    broken_cupy(monkeypatch, is_available=lambda: True, RawModule=no_compiler)
    array = sys.modules["cupy"].ndarray()
    array.device = types.SimpleNamespace(id=0)
    with pytest.raises(MissingExtraError, match=r"cannot be used: CuPy 14.2.0 cannot compile"):
        BatchCutMix()({"image": array})


def test_torch_without_a_device_or_torch(monkeypatch):
    """Missing torch, and torch without a device, are sentences too."""
    assert backend_info()["cuda"] == "torch finds no CUDA device"
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    assert backend_info()["torch"].endswith('pip install "albu_cutmix[torch]"')
