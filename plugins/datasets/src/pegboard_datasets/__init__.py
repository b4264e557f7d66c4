"""Saves what tasks return as files that others can read, and loads them again."""

from __future__ import annotations

from pegboard_datasets._artifact import ArtifactRef
from pegboard_datasets._errors import DatasetError, DatasetNotFound, InvalidKey, UnknownFormat
from pegboard_datasets._format import Format
from pegboard_datasets._local import LocalStore
from pegboard_datasets._objects import ObjectStore
from pegboard_datasets._options import Dataset, Load, Persist
from pegboard_datasets._pickle_format import pickle_format
from pegboard_datasets._plugin import Datasets
from pegboard_datasets._store import MemoryStore, Store

__all__ = [  # noqa: RUF022 - by concept
    # options and the plugin
    "Dataset",
    "Load",
    "Persist",
    "Datasets",
    "ArtifactRef",
    # formats
    "Format",
    "pickle_format",
    # stores
    "LocalStore",
    "MemoryStore",
    "ObjectStore",
    "Store",
    # errors
    "DatasetError",
    "DatasetNotFound",
    "InvalidKey",
    "UnknownFormat",
]
