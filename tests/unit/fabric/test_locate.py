"""Faults name the file and line in which the value that counts was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from module_utils.fabric.problems import FabricError
from plugin_utils import check_run
from plugin_utils.inventory import load_fabric
from plugin_utils.locate import Locator

HERE = Path(__file__).parent
HOSTS = """\
all:
  vars:
    fabric_a: 1
  children:
    outer:
      vars:
        fabric_b: 2
      children:
        inner:
          vars:
            fabric_c: [{x: 1},
                       {y: 2}]
          hosts:
            h1:
              fabric_d: 4
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "group_vars" / "outer").mkdir(parents=True)
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "hosts.yml").write_text(HOSTS)
    (tmp_path / "group_vars" / "outer" / "more.yml").write_text("# a comment\nfabric_e: 5\n")
    (tmp_path / "group_vars" / "inner.yml").write_text("fabric_f: 6\n")
    (tmp_path / "host_vars" / "h1.yml").write_text("\nfabric_g: 7\n")
    return tmp_path


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (("host", "h1", "fabric_a"), "hosts.yml:3"),
        (("all", "fabric_a"), "hosts.yml:3"),
        (("host", "h1", "fabric_b"), "hosts.yml:7"),
        (("host", "h1", "fabric_c", 1, "y"), "hosts.yml:12"),
        (("host", "h1", "fabric_c", 1, "missing"), "hosts.yml:12"),
        (("host", "h1", "fabric_c", 7), "hosts.yml:11"),
        (("host", "h1", "fabric_d"), "hosts.yml:15"),
        (("host", "h1", "fabric_e"), "group_vars/outer/more.yml:2"),
        (("host", "h1", "fabric_f"), "group_vars/inner.yml:1"),
        (("host", "h1", "fabric_g"), "host_vars/h1.yml:2"),
        (("all", "fabric_f"), "group_vars/inner.yml:1"),
        (("host", "h1", "fabric_missing"), "hosts.yml:14"),
        (("host", "h1"), "hosts.yml:14"),
    ],
)
def test_places(inventory: Path, key: tuple[str | int, ...], place: str) -> None:
    locator = Locator([inventory], {"h1": ["inner", "outer", "all"]})
    assert locator.locate(key) == f"{inventory}/{place}"


def test_what_is_written_nowhere_is_the_inventorys(inventory: Path) -> None:
    locator = Locator([inventory], {"h1": ["inner", "outer", "all"]})
    assert locator.locate(("all", "fabric_missing")) == str(inventory)
    assert locator.locate(("host", "h9", "fabric_missing")) == str(inventory)


def test_the_later_source_counts(inventory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "group_vars").mkdir()
    (other / "group_vars" / "all.yml").write_text("fabric_a: 9\n")
    assert Locator([inventory, other]).locate(("all", "fabric_a")) == f"{other}/group_vars/all.yml:1"


def test_a_file_as_source_brings_the_folders_beside_it(inventory: Path) -> None:
    locator = Locator([inventory / "hosts.yml"], {"h1": ["inner", "outer", "all"]})
    assert locator.locate(("host", "h1", "fabric_f")) == f"{inventory}/group_vars/inner.yml:1"
    assert locator.locate(("host", "h1", "fabric_d")) == f"{inventory}/hosts.yml:15"


def test_files_that_are_no_text_and_no_yaml_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.yml").write_text("x: [1\n")
    (tmp_path / "c.yml").write_text("x: \x01\n")
    (tmp_path / "d.yml").mkdir()
    (tmp_path / "e.yml").write_text("")
    (tmp_path / "f.yml").write_text("- {x: 1}\n- {y: 1, y: 2}\n")
    broken = Locator([tmp_path]).broken
    assert [line.split(":")[0].removeprefix(f"{tmp_path}/") for line in broken] == [
        "a.yml",
        "b.yml",
        "c.yml",
        "d.yml",
        "f.yml",
    ]
    assert broken[-1].endswith("f.yml:2: y: is written already in line 2; keep one of the two")


def test_a_missing_inventory(tmp_path: Path) -> None:
    with pytest.raises(FabricError, match=r"there is no such inventory; name a directory such as inventories/twin"):
        load_fabric(tmp_path / "nowhere")
    with pytest.raises(FabricError, match="there is no such inventory"):
        load_fabric()


def test_a_directory_of_inventories_is_named_as_such() -> None:
    with pytest.raises(FabricError, match=r"holds inventories and is none itself; name one of them: .*/jhpcn, .*/twin$"):
        load_fabric(Path(__file__).parents[3] / "inventories")


def test_every_fault_is_told_before_ansible_tells_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_run.main([str(Path(__file__).parents[3] / "inventories/twin")]) == 0
    (tmp_path / "hosts.yml").write_text("all:\n  hosts: [a\n")
    assert check_run.main([str(tmp_path)]) == 2
    assert "hosts.yml:3: is no YAML: did not find expected ',' or ']'" in capsys.readouterr().err


def test_an_empty_inventory(tmp_path: Path) -> None:
    with pytest.raises(FabricError, match=r"the inventory has no hosts; declare them in hosts\.yml"):
        load_fabric(tmp_path)


def test_a_group_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "all:\n  children:\n    a:\n      children:\n        b:\n          children:\n            a:\n"
    )
    with pytest.raises(FabricError, match=r"correct the inventory|has no hosts"):
        load_fabric(tmp_path)


@pytest.mark.parametrize("text", ["fabric_name: &a {b: *a}\n", f"fabric_name: {'[' * 5000}{']' * 5000}\n"])
def test_what_has_no_end_is_told(inventory: Path, text: str) -> None:
    (inventory / "group_vars" / "inner.yml").write_text(text)
    with pytest.raises(FabricError, match=r"inner\.yml: is nested too deeply"):
        load_fabric(inventory)


def test_what_is_no_file_is_told_and_not_waited_for(inventory: Path) -> None:
    os.mkfifo(inventory / "group_vars" / "pipe.yml")
    with pytest.raises(FabricError, match=r"pipe\.yml: is no file with text"):
        load_fabric(inventory)


def test_text_marked_unsafe_is_text(inventory: Path) -> None:
    (inventory / "group_vars" / "all.yml").write_text('fabric_name: !unsafe "{{ x }}"\n')
    with pytest.raises(FabricError, match="fabric_name"):
        load_fabric(inventory)
