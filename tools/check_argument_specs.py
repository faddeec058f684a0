"""Check that each role's argument specs, defaults and tasks agree.

Ansible reads defaults/main.yml to run a role, people read the argument specs to call it, and nothing compares the two.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.role_files import Role, load_roles

ROOT = Path(__file__).resolve().parents[1]
SPEC_FILE = "meta/argument_specs.yml"
DEFAULTS_FILE = "defaults/main.yml"
# The line that says which task file is included; the name in it may come out of a Jinja expression.
INCLUDING = re.compile(r"^.*(?:include_tasks|import_tasks|\bfile)\s*:(.*)$", re.MULTILINE)


def entry_point_problems(role: Role) -> Iterator[str]:
    """Each task file that the role itself doesn't include is meant to be called, so it has a spec; and each spec has its file."""
    if not role.specs:
        yield f"{role.name}/{SPEC_FILE}: missing or empty; describe each entry point there."
        return
    tasks = role.task_files()
    text = "\n".join(text for name, text in role.texts.items() if name.startswith(("tasks/", "handlers/")))
    included = set(re.findall(r"[\w-]+", " ".join(INCLUDING.findall(text))))
    for name in tasks:
        if name not in role.specs and (name == "main" or name not in included):
            yield f"{role.name}/tasks/{name}.yml: nothing includes it, so it is an entry point; describe it in {SPEC_FILE}."
    for entry in role.specs:
        if entry not in tasks:
            yield f"{role.name}/{SPEC_FILE}: {entry}: there is no tasks/{entry}.yml."


def default_problems(role: Role) -> Iterator[str]:
    """An option has a default in the spec if and only if it stands in defaults/main.yml, with the same value."""
    described: set[str] = set()
    for entry, spec in role.specs.items():
        for name, option in (spec.get("options") or {}).items():
            described.add(name)
            where = f"{role.name}/{SPEC_FILE}: {entry}: {name}"
            if "default" in option and option.get("required"):
                yield f"{where}: is required and has a default; keep one of the two."
            elif "default" in option and name not in role.defaults:
                yield f"{where}: has the default {option['default']!r}, but {DEFAULTS_FILE} has none."
            elif name in role.defaults and "default" not in option:
                yield f"{where}: has no default, but {DEFAULTS_FILE} says {role.defaults[name]!r}."
            elif name in role.defaults and not same(role.defaults[name], option["default"]):
                yield f"{where}: default {option['default']!r}, but {DEFAULTS_FILE} says {role.defaults[name]!r}."
    for name in role.defaults:
        if name not in described and not name.startswith("__"):
            yield f"{role.name}/{DEFAULTS_FILE}: {name}: no entry point describes it in {SPEC_FILE}."


def same(one: object, other: object) -> bool:
    """Tell whether two YAML values are equal and of one type: `1` and `true` are not the same default."""
    return type(one) is type(other) and one == other


def unused_problems(role: Role) -> Iterator[str]:
    """Each option, default and role variable is used somewhere in the role."""
    options = {name for spec in role.specs.values() for name in spec.get("options") or {}}
    for name in sorted({*options, *role.defaults, *role.variables}):
        if not any(uses(text, name) for file, text in role.texts.items() if file != SPEC_FILE):
            yield f"{role.name}: {name}: nothing in the role uses it."


def uses(text: str, name: str) -> bool:
    """Tell whether `text` has the variable anywhere but as the key of a top-level line, which only sets it."""
    word = re.escape(name)
    return re.search(rf"(?m)(?<![\w.-])(?!^{word}\s*:){word}(?![\w-])", text) is not None


def problems(role: Role) -> list[str]:
    """All that is wrong with one role, one sentence each."""
    return [*entry_point_problems(role), *default_problems(role), *unused_problems(role)]


def main(arguments: list[str] | None = None) -> int:
    """Print each problem of each role; return 1 if there was one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("roles", type=Path, nargs="?", default=ROOT / "roles", help="directory of the roles")
    options = parser.parse_args(arguments)
    try:
        roles = list(load_roles(options.roles))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    found = [problem for role in roles for problem in problems(role)]
    for problem in found:
        print(problem, file=sys.stderr)
    print(f"{len(roles)} roles read, {len(found)} problems found.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
