"""The catalogue: each fault of it in exactly the words a user will read, and what is committed is whole.

After a change of wording: ``UPDATE_GOLDEN=1 pytest tests/unit/attacks``, then read the diff.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.attacks.model import Catalogue
from module_utils.attacks.parse import CatalogueError, parse_catalogue
from module_utils.attacks.places import PLACES
from module_utils.attacks.rounds import plan_rounds
from module_utils.fabric.model import FAMILIES
from plugin_utils.attack_run import main
from plugin_utils.attacks import DIRECTORY, load_catalogue
from plugin_utils.inventory import load_fabric
from tools.attacks_page import PAGE, attacks_page

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BROKEN = sorted((HERE / "broken").glob("*.yml"))


def parsed(content: dict[str, Any]) -> Catalogue:
    return parse_catalogue({"layers.yml": content["layers.yml"]}, {k: v for k, v in content.items() if k != "layers.yml"})


def base() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / "base.yml").read_text())
    return found


def test_the_base_is_valid() -> None:
    assert [a.name for a in parsed(base()).attempts] == ["climb"]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_words(path: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        parsed({**base(), **yaml.safe_load(path.read_text())})
    words, golden = f"{caught.value}\n", path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(words)
    assert words == golden.read_text()


def test_what_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "layers.yml").write_text("- {")
    with pytest.raises(CatalogueError, match=r"layers\.yml: is no YAML"):
        load_catalogue(tmp_path)


def test_a_directory_without_layers_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"has no layers\.yml; name a directory"):
        load_catalogue(tmp_path)


def test_there_are_enough_attempts() -> None:
    assert sum(not a.open for a in load_catalogue().attempts) >= 60


def test_every_layer_is_rested_on() -> None:
    catalogue = load_catalogue()
    assert set(catalogue.layers) == {name for a in catalogue.attempts for name in a.layers}


@pytest.mark.parametrize("inventory", ["inventories/twin", "inventories/jhpcn"])
def test_every_attempt_has_its_place(inventory: str) -> None:
    assert plan_rounds(load_fabric(ROOT / inventory), load_catalogue()).left_out == {}


def test_every_place_is_tried_from_or_at() -> None:
    used = {place for a in load_catalogue().attempts for place in (a.origin, a.target, a.via, a.beyond, a.hop)}
    assert set(PLACES) <= used


def test_a_reused_source_is_tried_in_both_families() -> None:
    reused = [a for a in load_catalogue().attempts if a.name.startswith("reused-source")]
    assert [a.families for a in reused] == [FAMILIES, FAMILIES]


def test_every_script_is_bash() -> None:
    catalogue = load_catalogue()
    scripts = {a.name: a.script for a in catalogue.attempts} | {name: layer.remove for name, layer in catalogue.layers.items()}
    scripts |= {f"{a.name}, step {n}": step.run for a in catalogue.attempts for n, step in enumerate((*a.prepare, *a.undo))}
    scripts |= {path.name: path.read_text() for path in DIRECTORY.glob("*.sh")}
    wrong = {}
    for name, script in scripts.items():
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        if done.returncode or done.stderr:
            wrong[name] = done.stderr
    assert wrong == {}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == attacks_page(), "run 'make docs' and commit the result"


def test_it_refuses_an_inventory_without_a_twin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-i", str(ROOT / "inventories/twin")]) == 2
    assert "no overlay of a twin is among these" in capsys.readouterr().err


def test_it_names_unknown_attempts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-i", str(ROOT / "inventories/twin"), "--only", "levitate"]) == 2
    assert "levitate: no such attempt" in capsys.readouterr().err
