"""Arrays in keys."""

from __future__ import annotations

import numpy as np
import pytest

from pegboard_cache.keys.encoder import Unhashable, canonical


def text(value):
    return canonical((value,))


class Quantity(np.ndarray):
    """A subclass as NumPy's own guide makes them."""

    def __new__(cls, values, unit):
        made = np.asarray(values).view(cls)
        made.unit = unit
        return made

    def __array_finalize__(self, other):
        self.unit = getattr(other, "unit", None)


class Pickled(Quantity):
    """One that pickles its attribute, as NumPy's answers advise."""

    def __reduce__(self):
        make, arguments, state = super().__reduce__()
        return make, arguments, (*state, self.unit)


BASE = np.arange(12).reshape(3, 4)
PADDED = np.dtype([("a", "i1"), ("b", "i8")], align=True)


def padded(fill):
    """Two records whose padding is filled with a byte."""
    made = np.frombuffer(bytes([fill]) * 2 * PADDED.itemsize, PADDED).copy()
    made["a"], made["b"] = 1, 2
    return made


EQUAL = {
    "Fortran order": (BASE, np.asfortranarray(BASE)),
    "slice": (np.arange(6)[::2].copy(), np.arange(6)[::2]),
    "backwards": (np.arange(4)[::-1].copy(), np.arange(4)[::-1]),
    "transposed": (BASE.T.copy(), BASE.T),
    "broadcast": (np.ones((3, 2)), np.broadcast_to(np.float64(1), (3, 2))),
    "window": (BASE[1:, 1:].copy(), BASE[1:, 1:]),
    "read only": (np.frombuffer(b"abcd", np.uint8).copy(), np.frombuffer(b"abcd", np.uint8)),
    "0-d": (np.array(3), BASE[0, 3:4].reshape(())),
    "empty": (np.empty((0, 3)), np.ones((4, 3))[4:]),
    "texts": (np.array(["a", "bc"]), np.array(["a", "x", "bc"])[::2]),
    "dates": (
        np.array(["2024-01-01", "2024-01-03"], "M8[D]"),
        np.arange("2024-01-01", "2024-01-05", 2, "M8[D]"),
    ),
    "objects": (np.array([1, "a"], object), np.array([1, 0, "a"], object)[::2]),
    "padding": (padded(0), padded(255)),
    "subclass": (Quantity([1, 2], "m"), Quantity([1, 0, 2], "m")[::2]),
    "subclass that pickles": (Pickled([[1, 2], [3, 4]], "m"), Pickled([[1, 3], [2, 4]], "m").T),
    "masked": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 0, 2], mask=[0, 0, 1])[::2]),
    "no bytes": (np.array(["", ""], "S0"), np.array(["", "", ""], "S0")[::2]),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_other_memory(one, other):
    """Equal values of one type have one text, however they lie in memory."""
    assert text(one) == text(other)


DIFFERENT = {
    "value": (np.array([1, 2]), np.array([1, 3])),
    "type": (np.array([1]), np.array([1.0])),
    "width": (np.array([1], "i4"), np.array([1], "i8")),
    "byte order": (np.array([1], "<i4"), np.array([1], ">i4")),
    "shape": (np.arange(4), np.arange(4).reshape(2, 2)),
    "empty shapes": (np.empty((0, 3)), np.empty((0, 4))),
    "order of elements": (BASE[:2, :2], BASE[:2, :2].T),
    "unit of time": (np.array([1], "M8[s]"), np.array([1], "M8[ms]")),
    "field names": (np.array([(1,)], [("a", "i4")]), np.array([(1,)], [("b", "i4")])),
    "aligned": (padded(0), padded(0).astype([("a", "i1"), ("b", "i8")])),
    "metadata": (np.array([1]), np.array([1], np.dtype("i8", metadata={"unit": "m"}))),
    "objects": (np.array([1], object), np.array([True], object)),
    "array and list": (np.array([1]), [1]),
    "array and scalar": (np.array(1.0), np.float64(1)),
    "scalar and number": (np.float64(1), 1.0),
    "scalars": (np.int32(1), np.int64(1)),
    "subclass": (np.array([1]), Quantity([1], None)),
    "attribute": (Quantity([1], "m"), Quantity([1], "km")),
    "attribute of a view": (Quantity([1, 2], "m")[:1], Quantity([1, 2], "km")[:1]),
    "attribute of a subclass that pickles": (Pickled([1], "m"), Pickled([1], "km")),
    "mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "fill value": (np.ma.array([1], fill_value=1), np.ma.array([1], fill_value=2)),
    "class of records": (np.rec.array([(1,)], [("a", "i4")]), np.array([(1,)], [("a", "i4")])),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_different(one, other):
    """Arrays that differ in anything but their memory have two texts."""
    assert text(one) != text(other)


def test_longdouble():
    """Of an extended float its value counts, and not the bytes that fill it up."""
    one, other = (np.frombuffer(bytes([fill]) * 32, np.longdouble).copy() for fill in (0, 255))
    one[:], other[:] = 1.5, 1.5
    assert text(one) == text(other) != text(one + 1)


def test_strings_of_any_length():
    """An array of texts of any length counts by its texts, which are not in it."""
    texts = ["a", "much longer than what fits into a small string"]
    one, other = (np.array(texts, np.dtypes.StringDType()) for _ in range(2))
    assert text(one) == text(other) != text(one[::-1])


def test_memory_map(tmp_path):
    """A memory map counts by its values, and not by the file."""
    maps = []
    for name in "ab":
        (tmp_path / name).write_bytes(b"1234")
        maps.append(np.memmap(tmp_path / name, mode="r"))
    assert text(maps[0]) == text(maps[1])


class Odd(np.ndarray):
    """A subclass that cannot be copied."""

    def __reduce__(self):
        raise OSError


def test_not_to_be_copied():
    """A subclass that refuses to be copied has no text, and says nothing of its values."""
    with pytest.raises(Unhashable, match="Odd"):
        text(np.array([1]).view(Odd))
