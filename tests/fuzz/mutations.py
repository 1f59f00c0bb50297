"""Ways to spoil a file: bytes of any kind, and the structure of those that have one.

Each takes the bytes and a generator, and returns other bytes; the same generator, the same bytes.
"""

import copy
import csv
import io
import json
import struct
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

HOSTILE_NUMBERS = (-1, 0, 1, 2, 255, 256, 65_535, 2**31, 2**53, 2**63, 2**64, 10**30, 0.5, -0.0)
HOSTILE_FLOATS = (1e9, 1e-300, 1e308, float("nan"), float("inf"), float("-inf"))
HOSTILE_TEXTS = (
    *("", " ", "../../outside", "/etc/hostname", "/dev/zero", "a\0b", "\x1b[31m", "=1+1"),
    *("<script>", "\ud800", "é" * 300, "x" * 5000, "..", "1", "-1", "1e999", "nan", "\r\n"),
)
LARGE_CELL = "x" * 140_000
"""More than Python's csv reader takes: what a quote that is never closed becomes."""
HOSTILE_FIELDS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
HEADER = 64
"""Bytes in which most formats keep what they announce."""


def flip(data: bytes, draw: Random) -> bytes:
    """Flip up to eight bits, mostly one, half of them in the header."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        end = min(HEADER, len(data)) if draw.random() < 0.5 else len(data)
        changed[draw.randrange(end)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(data: bytes, draw: Random) -> bytes:
    return data[: draw.randrange(len(data))]


def empty(data: bytes, draw: Random) -> bytes:
    return b""


def zero_a_run(data: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(data))
    length = min(draw.choice((1, 4, 64, 4096)), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def insert(data: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    return data[:start] + draw.randbytes(draw.choice((1, 4, 100))) + data[start:]


def drop_a_run(data: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start + draw.choice((1, 4, 100)) :]


def repeat(data: bytes, draw: Random) -> bytes:
    return data + data[draw.randrange(len(data)) :]


def set_a_field(data: bytes, draw: Random) -> bytes:
    """Set four bytes to a number that no honest header has."""
    start = draw.randrange(min(2 * HEADER, len(data)))
    field = draw.choice(HOSTILE_FIELDS)
    return data[:start] + field + data[start + len(field) :]


def noise(data: bytes, draw: Random) -> bytes:
    return draw.randbytes(draw.choice((1, 10, 1000)))


BYTES: tuple[Mutation, ...] = (
    *(flip, flip, flip, flip, cut, empty, zero_a_run, insert, drop_a_run, repeat),
    *(set_a_field, set_a_field, noise),
)


def hostile_value(draw: Random) -> Any:
    """Return a value that json can hold and that is seldom what is expected."""
    kind = draw.randrange(6)
    if kind == 0:
        return draw.choice(HOSTILE_NUMBERS)
    if kind == 1:
        return draw.choice(HOSTILE_FLOATS)
    if kind == 2:
        return draw.choice(HOSTILE_TEXTS)
    return draw.choice((None, True, [], {}, [[]], {"": None}, [None] * 3, [1, 2, 3, 4, 5, 6]))


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every value in a tree of lists and dicts."""
    found, open_ones = [], [tree]
    while open_ones:
        node = open_ones.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], dict | list):
                open_ones.append(node[key])
    return found


def change_tree(tree: Any, draw: Random) -> Any:
    """Return a tree in which one or two values are replaced, removed, doubled or exchanged."""
    tree = copy.deepcopy(tree)
    for _ in range(draw.choice((1, 1, 1, 2))):
        found = places(tree) if isinstance(tree, dict | list) else []
        if not found or draw.random() < 0.02:
            return hostile_value(draw)
        # A key is drawn first: else the thousand numbers of a list hide the ten fields beside it.
        key = draw.choice(sorted({str(key) for _, key in found if isinstance(key, str)} or {"0"}))
        node, key = draw.choice([one for one in found if str(one[1]) == key] or found)
        _change_place(node, key, found, draw)
    return tree


def _change_place(node: Any, key: Any, found: list[tuple[Any, Any]], draw: Random) -> None:
    kind = draw.randrange(7)
    value = node[key]
    if kind == 0:
        del node[key]
    elif kind == 1:
        other, place = draw.choice(found)
        node[key] = copy.deepcopy(other[place])
    elif kind == 2 and isinstance(value, list) and value:
        value.append(copy.deepcopy(draw.choice(value)))
    elif kind == 3 and isinstance(value, int | float):
        node[key] = value + draw.choice((1, -1, 0.5, 1e6)) if draw.random() < 0.7 else -value
    elif kind == 4 and isinstance(value, list) and value:
        del value[draw.randrange(len(value))]
    elif kind == 5 and isinstance(value, dict) and value:
        value[draw.choice(HOSTILE_TEXTS)] = value.pop(draw.choice(sorted(value)))
    else:
        node[key] = hostile_value(draw)


def change_json(data: bytes, draw: Random) -> bytes:
    if draw.random() < 0.02:
        return data[:-2] + b"[" * 100_000
    return json.dumps(change_tree(json.loads(data), draw)).encode()


def change_json_line(data: bytes, draw: Random) -> bytes:
    """Change one line of a jsonl, or repeat, remove or exchange lines."""
    lines = data.splitlines()
    place = draw.randrange(len(lines))
    kind = draw.randrange(8)
    if kind == 0:
        lines.insert(draw.randrange(len(lines)), lines[place])
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        draw.shuffle(lines)
    else:
        lines[place] = change_json(lines[place], draw)
    return b"".join(line + b"\n" for line in lines)


def change_table(data: bytes, draw: Random) -> bytes:
    """Change, add or remove a cell, a row or the header of a csv, or how it is written."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    row = draw.choice(rows) if draw.random() < 0.8 else rows[0]
    kind = draw.randrange(8)
    if kind == 0:
        row.append(draw.choice(HOSTILE_TEXTS))
    elif kind == 1 and row:
        del row[draw.randrange(len(row))]
    elif kind == 2:
        rows.insert(draw.randrange(len(rows)), list(row))
    elif kind == 3:
        del rows[draw.randrange(len(rows))]
    elif row:
        texts = (*HOSTILE_TEXTS, *map(str, HOSTILE_NUMBERS), LARGE_CELL)
        row[draw.randrange(len(row))] = draw.choice(texts)
    out = io.StringIO()
    csv.writer(out, lineterminator=draw.choice(("\n", "\r\n"))).writerows(rows)
    written = out.getvalue().encode("utf-8", "surrogatepass")
    return draw.choice((written, written, b"\xef\xbb\xbf" + written, written + b'"open'))


def change_png(data: bytes, draw: Random) -> bytes:
    """Change a chunk of a PNG, its checksum made right again."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    number = 0 if draw.random() < 0.4 else draw.randrange(len(chunks))
    name, content = chunks[number]
    kind = draw.randrange(6)
    if kind == 0:
        del chunks[number]
    elif kind == 1:
        chunks.insert(number, (name, content))
    elif kind == 2 and name == b"IDAT":
        pixels = bytearray(zlib.decompress(content))
        pixels[draw.randrange(len(pixels))] = draw.randrange(256)
        chunks[number] = (name, zlib.compress(bytes(pixels)))
    elif content:
        chunks[number] = (name, draw.choice((flip, set_a_field, cut))(content, draw))
    return data[:8] + b"".join(
        struct.pack(">I", len(content)) + name + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )  # fmt: skip


def change_zip(data: bytes, draw: Random) -> bytes:
    """Change, remove or rename a member of a zip, as checkpoints are, its checksums right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickled = [name for name in members if name.endswith(".pkl")]
    name = draw.choice(pickled if pickled and draw.random() < 0.6 else sorted(members))
    kind = draw.randrange(8)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[draw.choice(HOSTILE_TEXTS[:8]).replace("\0", "_") or "x"] = members.pop(name)
    elif members[name]:
        change = draw.choice((flip, flip, flip, cut, drop_a_run, insert, zero_a_run))
        members[name] = change(members[name], draw)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def change_tar(data: bytes, draw: Random) -> bytes:
    """Change, rename, double or lose a member of a packed tar, or make it a link or a device."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [
            (one, archive.extractfile(one).read() if one.isfile() else b"")  # type: ignore[union-attr]
            for one in archive.getmembers()
        ]
    place = draw.randrange(len(members))
    member, content = members[place]
    kind = draw.randrange(6)
    if kind == 0:
        del members[place]
    elif kind == 1:
        member.name = draw.choice(HOSTILE_TEXTS).replace("\0", "_") or "x"
    elif kind == 2:
        member.type = draw.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE))
        member.linkname, members[place] = draw.choice(("/dev/zero", "../../outside")), (member, b"")
    elif kind == 3:
        members.insert(draw.randrange(len(members) + 1), (member, content))
    else:
        members[place] = member, draw.choice(BYTES)(content or b"x", draw)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for one, held in members:
            one.size = len(held)
            archive.addfile(one, io.BytesIO(held))
    return out.getvalue()


def change_safetensors(data: bytes, draw: Random) -> bytes:
    """Change the header of a safetensors file, its length right."""
    (length,) = struct.unpack("<Q", data[:8])
    header = change_json(data[8 : 8 + length], draw)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def change_toml(data: bytes, draw: Random) -> bytes:
    """Replace, remove, double or exchange values of a TOML file."""
    tree = change_tree(tomllib.loads(data.decode()), draw)
    items = tree.items() if isinstance(tree, dict) else ()
    lines = (f"{_toml(key)} = {_toml(value)}\n" for key, value in items)
    return "".join(lines).encode(errors="surrogatepass")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")


def change_checkpoint(data: bytes, draw: Random) -> bytes:
    """Change a value of what torch saved: other tensors, missing keys, values of another kind."""
    import torch

    content = torch.load(io.BytesIO(data), weights_only=True)
    found = [one for one in places(content) if draw.random() < 0.2] or places(content)
    node, key = draw.choice(found)
    value = node[key]
    if isinstance(value, torch.Tensor) and draw.random() < 0.8:
        node[key] = draw.choice(
            (
                value.flatten()[:1],
                value[None],
                value.double(),
                torch.full_like(value, 1),
                torch.zeros(0),
                value.to_sparse(),
                value.expand(2, *value.shape),
            )
        )
        if value.is_floating_point() and draw.random() < 0.2:
            node[key] = torch.full_like(value, float("nan"))
    elif draw.random() < 0.3:
        del node[key]
    else:
        node[key] = hostile_value(draw)
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()
