"""The collection that ansible-test sees is the repository under other names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.assemble_collection import PLUGINS, AssemblyError, assemble, rewrite_imports

OWN = frozenset({"fabric"})


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("from ansible.module_utils.fabric.model import Fabric", f"from {PLUGINS}.module_utils.fabric.model import Fabric"),
        ("from module_utils.fabric import model", f"from {PLUGINS}.module_utils.fabric import model"),
        ("from plugin_utils.inventory import load_fabric", f"from {PLUGINS}.plugin_utils.inventory import load_fabric"),
        ("from ansible.module_utils.basic import AnsibleModule", None),
        ("from ansible.module_utils import basic", None),
        ("from ..fabric.model import Fabric", None),
        ("from . import model", None),
        ("import module_utilsish", None),
        ("text = 'from module_utils.fabric import x'", None),
    ],
)
def test_only_absolute_imports_of_our_own_code_are_renamed(line: str, wanted: str | None) -> None:
    assert rewrite_imports(f"{line}\n", OWN) == f"{wanted or line}\n"


def test_an_import_inside_a_function_or_over_several_lines_is_renamed_and_lines_keep_their_numbers() -> None:
    source = "def f():\n    from module_utils.fabric.model import (\n        A,\n        B,\n    )\n    return A, B\n"
    result = rewrite_imports(source, OWN)
    assert f"    from {PLUGINS}.module_utils.fabric.model import (\n" in result
    assert result.count("\n") == source.count("\n")


def test_a_plain_import_is_refused_with_its_place() -> None:
    with pytest.raises(AssemblyError, match=r"library/x\.py:2: write 'from"):
        rewrite_imports("\nimport module_utils.fabric.model\n", OWN, "library/x.py")


def test_assembly_has_every_room_and_no_leftover(tmp_path: Path) -> None:
    root, parent = tmp_path / "root", tmp_path / "build"
    files = {
        "library/thing.py": "from __future__ import annotations\nfrom ansible.module_utils.fabric.model import A\n",
        "module_utils/fabric/model.py": "A = 1\n",
        "module_utils/fabric/__pycache__/model.pyc": "",
        "plugin_utils/load.py": "",
        "callback_plugins/told.py": "from __future__ import annotations\nDOCUMENTATION = ''\n",
        "filter_plugins/f.py": "from module_utils.fabric.model import A\n",
        "roles/base/tasks/main.yml": "---\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    collection = assemble(root, parent)
    (collection / "plugins" / "modules" / "stale.py").touch()

    collection = assemble(root, parent)

    found = {str(path.relative_to(collection)) for path in collection.rglob("*") if path.is_file()}
    assert found == {
        "galaxy.yml",
        "README.md",
        "meta/runtime.yml",
        "tests/config.yml",
        "tests/sanity/ignore-2.19.txt",
        "plugins/modules/thing.py",
        "plugins/module_utils/fabric/model.py",
        "plugins/plugin_utils/load.py",
        "plugins/callback/told.py",
        "plugins/filter/f.py",
        "roles/base/tasks/main.yml",
    }
    assert (collection / "tests/sanity/ignore-2.19.txt").read_text() == ""
    module = (collection / "plugins/modules/thing.py").read_text().splitlines()
    assert "GNU General Public License" in module[0]
    assert "GNU General Public License" in (collection / "plugins/callback/told.py").read_text().splitlines()[0]
    assert module[1] == f"from {PLUGINS}.module_utils.fabric.model import A"
