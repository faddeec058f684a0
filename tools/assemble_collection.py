"""Lay the repository out as the collection kakehashi.bridge, because ansible-test checks nothing else.

Files are copied, and imports are rewritten to the names that the code has inside a collection.
Layout: https://docs.ansible.com/ansible/latest/dev_guide/developing_collections_structure.html
"""

from __future__ import annotations

import argparse
import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE, NAME = "kakehashi", "bridge"
PLUGINS = f"ansible_collections.{NAMESPACE}.{NAME}.plugins"

# Room in the repository -> place in the collection.
ROOMS = {
    "library": "plugins/modules",
    "module_utils": "plugins/module_utils",
    "plugin_utils": "plugins/plugin_utils",
    "filter_plugins": "plugins/filter",
    "action_plugins": "plugins/action",
    "callback_plugins": "plugins/callback",
    "roles": "roles",
}

GALAXY = f"""\
---
namespace: {NAMESPACE}
name: {NAME}
version: 0.0.0
readme: README.md
authors:
  - The kakehashi maintainers
description: Links data platforms that hold medical images to the computers that analyse them.
"""

FIXED_FILES = {
    "galaxy.yml": GALAXY,
    "README.md": "Assembled from the kakehashi repository for ansible-test. Edit it there.\n",
    "meta/runtime.yml": '---\nrequires_ansible: ">=2.19.0"\n',
    # The Pythons that run modules are those that may run the controller: 3.11 and later.
    "tests/config.yml": "---\nmodules:\n  python_requires: controller\n",
    "tests/sanity/ignore-2.19.txt": "",
}

# validate-modules wants these words near the top of each module and of each plugin that has documentation. They stand in the
# copies only, and on a line that is there anyway, so that line numbers stay.
FUTURE_IMPORT = "from __future__ import annotations\n"
LICENSE_REMARK = "  # ansible-test wants 'GNU General Public License v3.0' named; this copy is for it alone\n"
DOCUMENTED_ROOMS = frozenset({"library", "callback_plugins"})


class AssemblyError(Exception):
    """A source file can't be put into the collection; the text says which and why."""


def own_packages(root: Path) -> frozenset[str]:
    """Names of what lies directly under module_utils/: the only `ansible.module_utils.*` that are ours."""
    return frozenset(path.stem for path in (root / "module_utils").glob("[!_]*") if path.is_dir() or path.suffix == ".py")


def collection_module(module: str, own: frozenset[str]) -> str | None:
    """Return the name of `module` inside the collection, or None where it is not one of ours."""
    parts = module.removeprefix("ansible.").split(".")
    if module.startswith("ansible.") and (parts[0] != "module_utils" or len(parts) == 1 or parts[1] not in own):
        return None
    return f"{PLUGINS}.{'.'.join(parts)}" if parts[0] in {"module_utils", "plugin_utils"} else None


def rewrite_imports(source: str, own: frozenset[str], where: str = "<source>") -> str:
    """Return `source` with each absolute import of our own code renamed; everything else stays as it is.

    Raises:
        AssemblyError: on `import module_utils.x`, whose bound name would change with the rewriting.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source, filename=where)):
        if isinstance(node, ast.Import) and any(collection_module(alias.name, own) for alias in node.names):
            msg = f"{where}:{node.lineno}: write 'from … import …'; 'import {node.names[0].name}' can't be renamed."
            raise AssemblyError(msg)
        if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
            continue
        if new := collection_module(node.module, own):
            index = node.lineno - 1
            lines[index] = lines[index].replace(f"from {node.module} ", f"from {new} ", 1)
    return "".join(lines)


def _sources(room: Path) -> Iterator[Path]:
    """Yield the files of a room that belong to the project (no caches)."""
    for path in sorted(room.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def assemble(root: Path, parent: Path) -> Path:
    """Write the collection of the repository `root` under `parent`, afresh, and return its directory.

    Args:
        root: the repository.
        parent: where `ansible_collections/` is to stand.

    Raises:
        AssemblyError: if a file can't be rewritten.
    """
    collection = parent / "ansible_collections" / NAMESPACE / NAME
    shutil.rmtree(collection, ignore_errors=True)  # it may not be there yet
    own = own_packages(root)
    for room, place in ROOMS.items():
        for source in _sources(root / room):
            target = collection / place / source.relative_to(root / room)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            if source.suffix == ".py":
                text = rewrite_imports(source.read_text(), own, str(source.relative_to(root)))
                if room in DOCUMENTED_ROOMS:
                    text = text.replace(FUTURE_IMPORT, FUTURE_IMPORT.rstrip() + LICENSE_REMARK, 1)
                target.write_text(text)
    for name, text in FIXED_FILES.items():
        target = collection / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return collection


def main(arguments: list[str] | None = None) -> int:
    """Assemble the collection and print where it lies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", type=Path, default=ROOT / "build", help="directory of ansible_collections/")
    options = parser.parse_args(arguments)
    try:
        print(assemble(ROOT, options.into))
    except (AssemblyError, SyntaxError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
