"""Who may import whom between members, types included: `import-contracts.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.members.folders import Core, Member


PATH = "import-contracts.toml"

TEXT = """# Written by `make members`. What is only imported for type checkers counts as any import does.
# The order inside the core is a contract of pyproject.toml.

[tool.importlinter]
root_packages = [
{roots}]

[[tool.importlinter.contracts]]
id = "members"
name = "The core knows no member, and a member another one only as both declare"
type = "protected"
protected_modules = [
{packages}]
allowed_importers = [{names_members}]
unmatched_ignore_imports_alerting = "none"     # What may be imported need not be.
ignore_imports = [
{between}]

[[tool.importlinter.contracts]]
id = "core"
name = "Members use what `pegboard` exports, and its public modules"
type = "protected"
protected_modules = ["pegboard.*"]
allowed_importers = ["pegboard"]
unmatched_ignore_imports_alerting = "none"
ignore_imports = [
{of_the_core}]
"""


def contracts(core: Core, members: list[Member]) -> str:
    """Write the contracts between packages."""
    packages = [member.package for member in members]
    public = [f"** -> pegboard.{module}" for module in core.public_modules]
    private = [line for member in members for line in imports(member, "pegboard", member.core_modules)]
    return TEXT.format(
        roots=lines(["pegboard", *packages]),
        packages=lines(packages),
        names_members=", ".join(f'"pegboard.{module}"' for module in core.names_members),
        between=lines(between(members)),
        of_the_core=lines([*public, *private]),
    )


def between(members: list[Member]) -> Iterable[str]:
    """Tell what members may import of those that they require.

    An exporter stands on the telemetry of a plugin: on its package and its public modules. Plugins do not know each
    other, but for engines, which stand on the parts that another one made for engines.
    """
    by_name = {member.name: member for member in members}
    for member in members:
        for required in (by_name[name] for name in member.requires if name in by_name):
            modules = ("", *required.public_modules) if member.is_exporter else required.engine_modules
            yield from imports(member, required.package, modules)


def imports(importer: Member, package: str, modules: Iterable[str]) -> Iterable[str]:
    """Tell that any module of a member may import these modules of a package; "" is the package itself."""
    for module in modules:
        imported = f"{package}.{module}" if module else package
        yield f"{importer.package} -> {imported}"
        yield f"{importer.package}.** -> {imported}"


def lines(items: Iterable[str]) -> str:
    """Write the items of a TOML array, one a line."""
    return "".join(f'    "{item}",\n' for item in items)
