"""Checks what goes into a task and what comes out of it."""

from __future__ import annotations

from pegboard_validate._decorators import json_extraction_task, pydantic_task, string_task
from pegboard_validate._errors import InvalidInput, InvalidJSON, InvalidOutput
from pegboard_validate._format import OutputFormat
from pegboard_validate._option import Validate
from pegboard_validate._plugin import Validation
from pegboard_validate.json.text import extract_json

__all__ = [
    "InvalidInput",
    "InvalidJSON",
    "InvalidOutput",
    "OutputFormat",
    "Validate",
    "Validation",
    "extract_json",
    "json_extraction_task",
    "pydantic_task",
    "string_task",
]
