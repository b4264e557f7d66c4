"""The errors of datasets, in one tree.

DatasetError (PegboardError)
├── DatasetNotFound (KeyError)     there is nothing under a key
├── InvalidKey (ValueError)        a key, or a template of keys, that may not be used
└── UnknownFormat (LookupError)    no format, or more than one, fits an extension and a type
"""

from __future__ import annotations

from pegboard import PegboardError


class DatasetError(PegboardError):
    """Raised when a dataset cannot be saved, loaded, or read as what was asked for.

    Attributes:
        key: Where it is, or was to be, in its store.
        store: Address of the store, "" where none was asked yet.
    """

    key: str
    store: str


class DatasetNotFound(DatasetError, KeyError):  # noqa: N818 - the name users read in tracebacks
    """Raised when a store has nothing under a key."""

    def __str__(self) -> str:
        """Give the message as it is; a KeyError would show its repr."""
        return str(self.args[0])


class InvalidKey(DatasetError, ValueError):  # noqa: N818
    """Raised for a key or a template that could leave the root, or that some file systems would change.

    Attributes:
        parameter: The parameter whose value is at fault, or "".
    """

    parameter: str


class UnknownFormat(DatasetError, LookupError):  # noqa: N818
    """Raised when no format, or more than one, fits.

    Attributes:
        candidates: Names of the formats that could be meant.
    """

    candidates: tuple[str, ...]
