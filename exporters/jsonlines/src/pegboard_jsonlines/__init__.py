"""Writes every call as a line of JSON."""

from pegboard_jsonlines._plugin import JSONLines

__all__ = ["JSONLines"]
