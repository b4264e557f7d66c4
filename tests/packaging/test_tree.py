"""The tree of tests mirrors the source."""

from __future__ import annotations


def names_in(folder):
    """Return what tests in the mirror of a source folder may be named after: the folder, its modules and its folders."""
    parts = [each for each in folder.iterdir() if each.suffix == ".py" or each.is_dir()]
    return {folder.name, *(each.stem.strip("_") for each in parts)} - {"init", "pycache"}


def test_tests_in_a_folder_of_the_source_are_named_after_a_module_of_it(root, member):
    """`test_<module>.py` or `test_<module>_<aspect>.py`; at a member's top a test may be of several modules."""
    tests, source = root / "tests" / member.folder, member.path / "src" / member.package
    astray = []
    for file in tests.rglob("test_*.py"):
        mirrored = source / file.parent.relative_to(tests)
        if mirrored == source or not mirrored.is_dir():  # or a folder for what needs servers of its own
            continue
        name = file.stem.removeprefix("test_")
        if not any(name == each or name.startswith(f"{each}_") for each in names_in(mirrored)):
            astray.append(str(file.relative_to(root)))
    assert astray == []
