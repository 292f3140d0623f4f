"""ONNX files: graphs of tensor operations that run outside Python, in a page for instance.

An ONNX file is one message of protocol buffers. What a net needs of that format is a handful of
fields, written here after the specifications, so that nobody who uses latlas has to install the
packages that read and check such files (the tests do).

Sources: ONNX, https://onnx.ai/onnx/repo-docs/IR.html and ``onnx.proto3`` (numbers of the fields);
Protocol Buffers, https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["OnnxFile"]

IR_VERSION, OPSET = 8, 17
"""The versions of the format and of its operations: of 2022, so that every runtime knows them."""
FLOAT, INT64, FLOAT16 = 1, 7, 10  # element types
A_FLOAT, A_INT, A_STRING, A_INTS = 1, 2, 3, 7  # attribute types
SMALL = 256
"""Arrays of fewer numbers are kept as float32: halving them saves nothing."""

Attribute = int | float | str | Sequence[int]


@final
class OnnxFile:
    """A graph under construction; operations are added in the order in which they run.

    Args:
        name: what the graph is called.
        half: keep large float arrays as float16, each with a cast to float32 before its use; all
            computing is in float32.
    """

    def __init__(self, name: str, *, half: bool = False) -> None:
        self._name, self._half = name, half
        self._nodes: list[bytes] = []
        self._arrays: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int]) -> str:
        """Declares an input float32 [n, *shape], n being free; returns its name."""
        self._inputs.append(_value(name, shape))
        return name

    def array(self, values: NDArray[Any], *, exact: bool = False) -> str:
        """Puts constant values into the file; returns the name by which operations know them.

        Args:
            values: integers, which become int64, or floats.
            exact: keep floats as float32 in any case.
        """
        whole = np.issubdtype(values.dtype, np.integer)
        halved = self._half and not (whole or exact) and values.size >= SMALL
        kind = np.dtype(np.int64 if whole else np.float16 if halved else np.float32)
        name = self._fresh("c")
        self._arrays.append(_tensor(name, np.ascontiguousarray(values, kind)))
        return self.add("Cast", name, to=FLOAT) if halved else name

    def add(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Adds an operation of one output; returns the name of the output."""
        output = self._fresh("t")
        self._nodes.append(_node(kind, inputs, output, attributes))
        return output

    def output(self, name: str, value: str, shape: Sequence[int]) -> None:
        """Gives a value float32 [n, *shape] out under a name."""
        self._nodes.append(_node("Identity", [value], name, {}))
        self._outputs.append(_value(name, shape))

    def to_bytes(self) -> bytes:
        """The whole file."""
        graph = (
            b"".join(_bytes(1, node) for node in self._nodes)
            + _text(2, self._name)
            + b"".join(_bytes(5, array) for array in self._arrays)
            + b"".join(_bytes(11, value) for value in self._inputs)
            + b"".join(_bytes(12, value) for value in self._outputs)
        )
        opset = _bytes(8, _text(1, "") + _number(2, OPSET))
        return _number(1, IR_VERSION) + _text(2, "latlas") + _bytes(7, graph) + opset

    def _fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


# --- messages ----------------------------------------------------------------------------


def _node(
    kind: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Attribute]
) -> bytes:
    return (
        b"".join(_text(1, name) for name in inputs)
        + _text(2, output)
        + _text(4, kind)
        + b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
    )


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, A_STRING)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, A_INT)
    if isinstance(value, float):
        return _text(1, name) + b"\x15" + struct.pack("<f", value) + _number(20, A_FLOAT)
    numbers = b"".join(_number(8, number) for number in value)
    return _text(1, name) + numbers + _number(20, A_INTS)


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    kind = {"float32": FLOAT, "int64": INT64, "float16": FLOAT16}[values.dtype.name]
    dims = b"".join(_number(1, side) for side in values.shape)
    raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return dims + _number(2, kind) + _text(8, name) + _bytes(9, raw)


def _value(name: str, shape: Sequence[int]) -> bytes:
    dims = [_text(2, "n"), *(_number(1, side) for side in shape)]
    sizes = b"".join(_bytes(1, dim) for dim in dims)
    kind = _bytes(1, _number(1, FLOAT) + _bytes(2, sizes))
    return _text(1, name) + _bytes(2, kind)


# --- fields ------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1  # negative numbers are written as their two's complement
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
