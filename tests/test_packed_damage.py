"""Files that are no packed pool, or were one: an error that names them, never a crash."""

from __future__ import annotations

import json
import mmap
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albu_cutmix import Donor
from albu_cutmix.errors import DonorReadError
from albu_cutmix.wrappers import pack, packed

LAYOUT = struct.Struct("<16sI4xQQ16s8x")
MEMORY = 5_000_000  # bytes that reading a small false file may take


@pytest.fixture
def file(tmp_path) -> Path:
    """Two donors, packed."""
    image = np.arange(7 * 11 * 3, dtype=np.uint8).reshape(7, 11, 3)
    masks = np.ones((1, 7, 11), np.uint8)
    boxes = {"bboxes": [[0, 0, 5, 5]], "fields": {"labels": ["ox"]}, "masks": masks}
    pack([Donor(image, id="a", **boxes), Donor(image, id="b", **boxes)], tmp_path / "a.pack")
    return tmp_path / "a.pack"


def sign(data: bytes, header: bytes) -> bytes:
    """A file whose header has the right hash, whatever it says."""
    identity = blake2b(header, digest_size=16).digest()
    start = LAYOUT.pack(b"albu_cutmix pack", 1, len(data), len(header), identity)
    return start + data[len(start) :] + header


def forge(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the header of a file and sign it."""
    data = file.read_bytes()
    _, _, start, _, _ = LAYOUT.unpack(data[:64])
    header = json.loads(data[start:])
    changed = change(header)
    text = changed if isinstance(changed, bytes) else json.dumps(header).encode()
    file.write_bytes(sign(data[:start], text))


def forge_record(file: Path, record: bytes, places: list[int] | None = None) -> None:
    """Give donor 0 another record, with the right checksum."""
    data = file.read_bytes()
    _, _, start, _, _ = LAYOUT.unpack(data[:64])
    header = json.loads(data[start:])
    at = header["places"][3]
    table = np.frombuffer(data, np.int64, 6, at).copy()
    table[:3] = places or [start, len(record), zlib.crc32(record)]
    body = data[:at] + table.tobytes() + data[at + 48 : start] + record
    file.write_bytes(sign(body, json.dumps(header).encode()))


def check_refused(work: Callable[[], Any], message: str) -> None:
    """A call raises DonorReadError, and takes little memory for it."""
    tracemalloc.start()
    try:
        with pytest.raises(DonorReadError, match=message):
            work()
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_forging_by_itself_changes_nothing(file):
    """The helpers above make files that are read, where what they say is true."""
    forge(file, lambda header: None)
    assert packed(file)[1].id == "b"
    record = json.dumps({"image": ["array", "|u1", [7, 11, 3], 64], "id": "new"}).encode()
    forge_record(file, record)
    assert packed(file)[0].id == "new"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "is no file of pack", id="empty"),
        pytest.param(b"\x93NUMPY" + bytes(200), "is no file of pack", id="foreign"),
        pytest.param(b"albu_cutmix pack", "is no file of pack", id="short"),
        pytest.param(
            LAYOUT.pack(b"albu_cutmix pack", 2, 64, 0, b""), "has version 2", id="other-version"
        ),
        pytest.param(
            LAYOUT.pack(b"albu_cutmix pack", 1, 2**63, 2**63, b""), "truncated", id="absurd-size"
        ),
        pytest.param(
            LAYOUT.pack(b"albu_cutmix pack", 1, 64, 0, b""), "its header is damaged", id="no-header"
        ),
    ],
)
def test_files_that_are_no_packed_pool(data, message, tmp_path):
    """They are refused when they are opened."""
    (tmp_path / "b.pack").write_bytes(data)
    check_refused(lambda: packed(tmp_path / "b.pack"), f"b.pack: .*{message}")


@pytest.mark.parametrize("name", ["gone.pack", "."])
def test_names_that_are_no_file(name, tmp_path):
    """A missing file and a folder are told by name."""
    check_refused(lambda: packed(tmp_path / name), "cannot be opened: .*(No such file|a folder)")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes(tmp_path):
    """A named pipe is refused and not waited for."""
    os.mkfifo(tmp_path / "a.pack")
    check_refused(lambda: packed(tmp_path / "a.pack"), "a.pack: cannot be opened: it is a folder,")


def resident() -> int:
    """Bytes of this process that are in memory, mapped files left out."""
    pages = [int(number) for number in Path("/proc/self/statm").read_text("ascii").split()]
    return (pages[1] - pages[2]) * mmap.PAGESIZE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted by /proc")
def test_holes_take_no_memory(file):
    """A small file with holes that states 400 million donors takes no memory for them."""
    count = 400_000_000
    data = file.read_bytes()
    _, _, start, _, _ = LAYOUT.unpack(data[:64])
    header = json.loads(data[start:])
    header["places"] = ["array", "<i8", [count, 3], 64]
    header["offsets"] = ["array", "<i8", [count + 1], 64]
    text = json.dumps(header).encode()
    prelude = LAYOUT.pack(
        data[:16], 1, 30 * count, len(text), blake2b(text, digest_size=16).digest()
    )
    with file.open("wb") as out:
        out.write(prelude)
        out.seek(30 * count)
        out.write(text)
    before = resident()
    pool = packed(file)
    assert len(pool) == count
    assert resident() - before < MEMORY
    with pytest.raises(DonorReadError, match="donor 7 is damaged"):
        pool[7]


def test_lack_of_memory_is_damage(file, monkeypatch):
    """Where a false record asks for more memory than there is the file is refused."""

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("albu_cutmix.wrappers.pack_file.decode", fail)
    check_refused(lambda: packed(file), "its header is damaged: MemoryError")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_truncated_files(file, share):
    """A file that lacks its end is refused when it is opened."""
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    check_refused(lambda: packed(file), "truncated or damaged|no file of pack")


def test_every_byte_counts(file):
    """One changed byte anywhere is noticed: at opening, by a draw, or by `verify`."""
    data = file.read_bytes()
    fill = range(20, 24), range(56, 64)  # of the prelude: it says nothing
    for at in range(0, len(data), 5):
        if any(at in gap for gap in fill):
            continue
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
        with pytest.raises(DonorReadError):
            packed(file).verify()


def test_validate_verifies(file):
    """A changed pixel is a finding; the donor itself can still be read."""
    data = bytearray(file.read_bytes())
    data[64 + 5] ^= 1
    file.write_bytes(data)
    findings = packed(file).validate()
    assert (findings[0].index, findings[0].kind) == (-1, "unreadable")
    assert "its content is damaged" in findings[0].message
    assert packed(file)[0].id == "a"


def set_table(name: str, place: int, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of what the header says of a table."""

    def change(header: dict[str, Any]) -> None:
        header[name][place] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda header: b"\xff{", id="no-json"),
        pytest.param(lambda header: b"[" * 100_000, id="deep"),
        pytest.param(lambda header: b"[]", id="no-mapping"),
        pytest.param(lambda header: header.pop("content") and None, id="no-content"),
        pytest.param(lambda header: header.pop("places") and None, id="no-table"),
        pytest.param(lambda header: header.update(places=5), id="number-for-a-table"),
        pytest.param(lambda header: header.update(vocabulary=5), id="no-vocabulary"),
        pytest.param(set_table("places", 0, "pickle"), id="unknown-kind"),
        pytest.param(set_table("places", 1, "|O8"), id="objects"),
        pytest.param(set_table("places", 1, "<f8"), id="other-dtype"),
        pytest.param(set_table("places", 1, "a,b"), id="no-dtype"),
        pytest.param(set_table("places", 1, 7), id="number-for-a-dtype"),
        pytest.param(set_table("places", 2, [2**61, 3]), id="absurd-count"),
        pytest.param(set_table("places", 2, [0, 3]), id="no-donor"),
        pytest.param(set_table("places", 2, [-1, 3]), id="negative-count"),
        pytest.param(set_table("places", 2, [6]), id="other-shape"),
        pytest.param(set_table("places", 3, -64), id="before-the-file"),
        pytest.param(set_table("places", 3, 2**62), id="behind-the-file"),
        pytest.param(set_table("places", 3, 64.5), id="half-a-byte"),
        pytest.param(set_table("codes", 2, [1, 2]), id="codes-of-two-axes"),
        pytest.param(set_table("offsets", 2, [2]), id="tables-that-do-not-fit"),
    ],
)
def test_headers_that_are_false(file, change):
    """A signed header that says what cannot be is refused when it is opened."""
    forge(file, change)
    check_refused(lambda: packed(file), "its header is damaged")


IMAGE = ["array", "|u1", [7, 11, 3], 64]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"{", id="no-json"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"5", id="no-mapping"),
        pytest.param({"id": "a"}, id="no-image"),
        pytest.param({"image": IMAGE, "colour": 5}, id="unknown-part"),
        pytest.param({"image": [[], "|u1", [7, 11, 3], 64]}, id="no-kind"),
        pytest.param({"image": []}, id="nothing"),
        pytest.param({"image": ["array", "|u1", [7, 11, 3], -64]}, id="before-the-file"),
        pytest.param({"image": ["array", "|u1", [7, 11, 3], 10**7]}, id="behind-the-file"),
        pytest.param({"image": ["array", "|u1", [2**40, 2**40, 3], 64]}, id="absurd-shape"),
        pytest.param({"image": ["array", "|u1", "77", 64]}, id="text-for-a-shape"),
        pytest.param({"image": ["array", "|u1", [1] * 70, 64]}, id="too-many-axes"),
        pytest.param({"image": ["bits", "|u1", [2**30, 2**10], 64]}, id="absurd-bits"),
        pytest.param({"image": ["bits", "<f8", [8, 8], 64]}, id="bits-of-floats"),
        pytest.param({"image": IMAGE, "label": ["objects", [2**40], []]}, id="absurd-objects"),
        pytest.param({"image": IMAGE, "label": ["objects", [-1, -1], [5]]}, id="negative"),
        pytest.param({"image": IMAGE, "label": ["scalar", "<U99", "00"]}, id="short-scalar"),
        pytest.param({"image": IMAGE, "label": ["scalar", "<i4", "xy"]}, id="no-digits"),
        pytest.param({"image": IMAGE, "fields": ["dict", 5]}, id="no-pairs"),
        pytest.param({"image": IMAGE, "fields": ["dict", [[["list", []], 5]]]}, id="bad-key"),
        pytest.param({"image": IMAGE, "fields": ["dict", [["labels", 5]]]}, id="no-rows"),
        pytest.param({"image": IMAGE, "bboxes": ["list", [["list", [-9, 0, -5, 5]]]]}, id="false"),
    ],
)
def test_records_that_are_false(file, record):
    """A donor that cannot be is refused when it is drawn, each time; others are drawn."""
    forge_record(file, record if isinstance(record, bytes) else json.dumps(record).encode())
    pool = packed(file)
    for _ in range(2):
        check_refused(lambda: pool[0], "a.pack: donor 0 is damaged")
    assert pool[1].id == "b"


@pytest.mark.parametrize("places", [[-64, 10, 5], [64, 2**62, 5], [64, -1, 5], [0, 2, 5]])
def test_records_that_lie_elsewhere(file, places):
    """A record outside the file, or with another checksum, is refused when drawn."""
    forge_record(file, b"{}", places)
    check_refused(lambda: packed(file)[0], "donor 0 is damaged")


@pytest.mark.parametrize(
    ("name", "values"), [("codes", [0, 1]), ("codes", [-1, 0]), ("offsets", [0, 2, 1])]
)
def test_classes_that_are_false(file, name, values):
    """The table of classes is judged before it is used."""
    data = bytearray(file.read_bytes())
    _, _, start, _, _ = LAYOUT.unpack(data[:64])
    _, dtype, _, at = json.loads(data[start:])[name]
    table = np.array(values, dtype).tobytes()
    data[at : at + len(table)] = table
    file.write_bytes(data)
    check_refused(packed(file).class_rows, "its table of classes is damaged")
