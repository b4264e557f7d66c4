"""Texts of others, as task names are, inside of rules."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Write a text in double quotes, as PromQL, YAML and the templates of alerts read it alike."""
    return '"' + "".join(map(_escaped, text)) + '"'


def literal(text: str) -> str:
    """Write a text into a template of an alert, so that nothing in it is read as a part of the template."""
    return text.replace("{{", '{{ "{{" }}')


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    if character == "\n":
        return "\\n"
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
