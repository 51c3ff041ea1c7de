"""A module that stands in for CuPy, so that host code for it runs without a GPU.

Its arrays are NumPy arrays in hiding: as with CuPy's, NumPy cannot look into them, and they refuse
NumPy's own. Its kernels run in the shim, each access checked. What cannot be seen: whether real
streams order the work, what real memory does, and where a function of CuPy differs from NumPy's;
so only `FUNCTIONS` are known, each looked up in CuPy 14.
"""

from __future__ import annotations

import operator
import weakref
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from fake_cuda import Log, make_cuda

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel_shim import Shim

# The names that mean the same in CuPy 14 as in NumPy, for arrays of plain numbers.
FUNCTIONS = """
    absolute all any amax amin arange argsort array_equal ascontiguousarray broadcast_to ceil clip
    concatenate count_nonzero cumsum empty expand_dims floor full full_like isfinite isnan
    logical_and logical_not logical_or maximum minimum moveaxis ones ones_like rint round sort
    sqrt squeeze stack sum take take_along_axis transpose where zeros zeros_like
"""
METHODS = """
    all any argsort astype clip copy cumsum fill max mean min prod ravel repeat reshape round sort
    squeeze sum swapaxes take transpose view
"""
TYPES = """
    bool_ uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 dtype nan inf
    pi newaxis
"""
OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
OPERATORS += ("and", "or", "xor", "lshift", "rshift")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


class World(NamedTuple):
    """What the arrays of one stand-in share."""

    shim: Shim
    log: Log
    known: set[int]  # addresses of memory that the shim was told of


class FakeArray:
    """An array of the stand-in."""

    __array_ufunc__ = None  # NumPy's operators leave the matter to ours, and those refuse

    def __init__(self, host: np.ndarray, world: World) -> None:
        if host.dtype.kind not in "biufc":
            raise ValueError(f"Unsupported dtype {host.dtype}")
        self._host, self._world = host, world
        self.device = SimpleNamespace(id=world.log.device)
        _register(host, world)

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    dtype = property(lambda self: self._host.dtype)
    itemsize = property(lambda self: self._host.itemsize)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: self._host.flags)
    data = property(lambda self: SimpleNamespace(ptr=self._host.ctypes.data))
    T = property(lambda self: self._wrap(self._host.T))

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
            "construct a NumPy array explicitly."
        )

    def get(self) -> np.ndarray:
        """Return a copy on the host: waits for the device."""
        self._world.log.waits.append("get")
        return self._host.copy()

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS.split():
            raise AttributeError(f"fake_cupy: no attribute {name!r}; if CuPy has it, add it")
        return _wrapped(getattr(self._host, name), self._world)

    def __getitem__(self, key: Any) -> FakeArray:
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(one, FakeArray) and one.dtype == bool for one in keys):
            self._world.log.waits.append("index by bool")  # CuPy counts the true ones on the host
        return self._wrap(self._host[_unwrap(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[_unwrap(key)] = _unwrap(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __index__(self) -> int:
        return operator.index(self._scalar("index"))

    def item(self) -> Any:
        """Return the only value: waits for the device."""
        return self._scalar("item").item()

    def tolist(self) -> Any:
        """Return the values: waits for the device."""
        self._world.log.waits.append("tolist")
        return self._host.tolist()

    def _scalar(self, why: str) -> Any:
        self._world.log.waits.append(why)
        return self._host

    def _wrap(self, host: Any) -> FakeArray:
        return _wrap(host, self._world)

    __hash__ = None


def _define_operators() -> None:
    """Give arrays the operators of NumPy."""

    def forward(apply: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, other: self._wrap(apply(self._host, _unwrap(other)))

    def backward(apply: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, other: self._wrap(apply(_unwrap(other), self._host))

    def in_place(apply: Callable[..., Any]) -> Callable[..., Any]:
        def change(self: FakeArray, other: Any) -> FakeArray:
            apply(self._host, _unwrap(other))
            return self

        return change

    def unary(apply: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self: self._wrap(apply(self._host))

    for name in OPERATORS + COMPARISONS:
        setattr(FakeArray, f"__{name}__", forward(getattr(operator, f"__{name}__")))
    for name in OPERATORS:
        setattr(FakeArray, f"__r{name}__", backward(getattr(operator, f"__{name}__")))
        setattr(FakeArray, f"__i{name}__", in_place(getattr(operator, f"__i{name}__")))
    for name in ("neg", "pos", "abs", "invert"):
        setattr(FakeArray, f"__{name}__", unary(getattr(operator, f"__{name}__")))


_define_operators()


def _register(host: np.ndarray, world: World) -> None:
    """Let kernels touch the memory that an array is a part of, for as long as it lives."""
    root = host
    while isinstance(root.base, np.ndarray):
        root = root.base
    address = root.ctypes.data
    if root.nbytes == 0 or address in world.known:
        return
    world.shim.register(address, root.nbytes)
    world.known.add(address)
    weakref.finalize(root, _forget, address, world).atexit = False


def _forget(address: int, world: World) -> None:
    world.shim.forget(address)
    world.known.discard(address)


def _wrap(host: Any, world: World) -> Any:
    if isinstance(host, (np.ndarray, np.generic)):
        return FakeArray(np.asarray(host), world)
    if isinstance(host, (tuple, list)):
        return type(host)(_wrap(one, world) for one in host)
    return host


def _unwrap(value: Any) -> Any:
    """Return what NumPy can work with; refuse arrays of NumPy, as CuPy does."""
    if isinstance(value, FakeArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)(_unwrap(one) for one in value)
    return value


def _wrapped(function: Callable[..., Any], world: World) -> Callable[..., Any]:
    """Return a function of NumPy as one of the stand-in."""

    def call(*args: Any, **kwargs: Any) -> Any:
        named = {name: _unwrap(value) for name, value in kwargs.items()}
        return _wrap(function(*_unwrap(args), **named), world)

    return call


class RawModule:
    """Kernels of a source, which must be the text that the shim was built of."""

    def __init__(self, world: World, code: str, options: tuple[str, ...] = ()) -> None:
        assert code == world.shim.source, "another source than that of the shim"
        assert isinstance(options, tuple), "CuPy takes options as a tuple"
        self._world = world

    def get_function(self, name: str) -> Callable[..., None]:
        """Return a kernel, to be called with grid, block and arguments."""
        self._world.shim.parameters(name)
        return lambda grid, block, args: _launch(self._world, name, grid, block, args)


def _launch(world: World, name: str, grid: Any, block: Any, args: Any) -> None:
    """Run a kernel in the shim and note it."""
    if not isinstance(grid, tuple) or not isinstance(block, tuple):
        raise TypeError("CuPy takes grid and block as tuples")
    world.log.launches.append((name, grid, block, world.log.stream, world.log.device))
    whole = (tuple(max(1, one) for one in sides) for sides in (grid, block))
    report = world.shim.launch(name, *whole, [_by_value(arg) for arg in args], "shuffled")
    assert not report.faults, report.faults[0]


def _by_value(arg: Any) -> np.ndarray:
    """Return the bytes of an argument of a kernel, as CuPy passes them."""
    if isinstance(arg, FakeArray):
        return np.array(arg.data.ptr, dtype=np.uint64)
    if isinstance(arg, np.ndarray):
        if arg.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {arg.shape} as a kernel "
                "parameter. Only numpy.ndarrays of size one can be passed by value."
            )
        return arg
    if isinstance(arg, (bool, int, float, complex, np.generic)):
        return np.asarray(arg)
    raise TypeError(f"Unsupported type {type(arg)}")


def fake_cupy(shim: Shim) -> ModuleType:
    """Return a module to be put in `sys.modules` as "cupy"; `module.log` says what happened."""
    log = Log()
    world = World(shim, log, set())

    def asarray(values: Any, dtype: Any = None) -> FakeArray:
        if isinstance(values, FakeArray) and dtype in (None, values.dtype):
            return values
        host = values._host if isinstance(values, FakeArray) else np.asarray(values)
        order = "F" if host.flags.f_contiguous and not host.flags.c_contiguous else "C"
        return FakeArray(np.array(host, dtype=dtype, order=order), world)

    def asnumpy(array: Any) -> np.ndarray:
        return array.get() if isinstance(array, FakeArray) else np.asarray(array)

    def empty_like(array: Any, dtype: Any = None, order: str = "K") -> FakeArray:
        host = np.empty_like(_unwrap(array), dtype=dtype, order=order)
        return FakeArray(host, world)

    def lookup(name: str) -> Any:
        if name in TYPES.split():
            return getattr(np, name)
        if name not in FUNCTIONS.split():
            raise AttributeError(f"fake_cupy: no {name!r}; if CuPy has it, add it")
        return _wrapped(getattr(np, name), world)

    module = ModuleType("cupy", __doc__)
    module.__spec__ = ModuleSpec("cupy", None)
    module.__version__, module.ndarray, module.cuda = "14.2.0", FakeArray, make_cuda(log)
    module.asarray = module.array = asarray
    module.asnumpy, module.empty_like, module.is_available = asnumpy, empty_like, lambda: True
    module.RawModule = lambda code, options=(): RawModule(world, code, options)
    module.log, module.__getattr__ = log, lookup
    return module
