"""Annotations, and values checked against them by pydantic."""
