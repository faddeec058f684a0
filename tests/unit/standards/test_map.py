"""The map: each fault of it in exactly the words a user will read, and what is committed is whole and names what there is.

After a change of wording: ``UPDATE_GOLDEN=1 pytest tests/unit/standards``, then read the diff.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.standards.fields import StandardsError
from module_utils.standards.model import Known, StandardsMap
from module_utils.standards.parse import parse_map
from plugin_utils.standards import known, load_map
from tools.standards_page import PAGE, standards_page

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BROKEN = sorted((HERE / "broken").glob("*.yml"))
KNOWN = Known(
    roles=frozenset(["door"]),
    parts={"validate": frozenset(["logins", "sshd"]), "proof": frozenset(["extra_login"])},
    attempts={"walls.yml": ("climb", "dig")},
)


def base() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / "base.yml").read_text(encoding="utf-8"))
    return found


@lru_cache
def committed() -> StandardsMap:
    return load_map()


def test_the_base_is_valid() -> None:
    standard = parse_map(base(), KNOWN).standards[0]
    assert [(i.id, i.coverage, i.who, i.why) for i in standard.items] == [
        ("1.1", "partly", "", "the window is open"),
        ("1.2", "not_here", "landlord", "walls are bought"),
    ]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_words(path: Path) -> None:
    with pytest.raises(StandardsError) as caught:
        parse_map({**base(), **yaml.safe_load(path.read_text(encoding="utf-8"))}, KNOWN)
    words, golden = f"{caught.value}\n", path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(words, encoding="utf-8")
    assert words == golden.read_text(encoding="utf-8")


def test_a_file_of_attempts_is_all_of_them() -> None:
    files = base()
    files["controls.yml"][0]["tries"] = [{"run": "attack", "of": ["walls.yml"]}, {"run": "attack"}]
    trials = parse_map(files, KNOWN).controls["locked"].trials
    assert [trial.of for trial in trials] == [("climb", "dig"), ("climb", "dig")]


def test_standards_come_by_language_and_name() -> None:
    files = base()
    files["a.yml"] = {**files["house.yml"], "language": "ja", "name": "A"}
    assert [s.name for s in parse_map(files, KNOWN).standards] == ["HOUSE", "A"]


def test_what_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "satre.yml").write_text("- {")
    with pytest.raises(StandardsError, match=r"satre\.yml: is no YAML"):
        load_map(tmp_path)


def test_a_directory_without_a_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(StandardsError, match=r"controls\.yml: is no list of entries; write one entry after each hyphen"):
        load_map(tmp_path)


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for test in (test for control in committed().controls.values() for test in control.tests):
        file, _, function = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8") if (ROOT / file).is_file() else ""
        if not re.search(rf"^def {re.escape(function)}\(", text, re.MULTILINE):
            missing.append(test)
    assert missing == []


def test_every_control_has_a_test_and_serves_a_statement() -> None:
    used = {name for standard in committed().standards for item in standard.items for name in item.controls}
    assert used == set(committed().controls)
    assert [c.name for c in committed().controls.values() if not c.tests] == []


def test_whoever_answers_is_named_by_a_statement() -> None:
    assert {item.who for standard in committed().standards for item in standard.items} - {""} == set(committed().responsible)


def test_every_role_serves_a_control() -> None:
    assert {role for control in committed().controls.values() for role in control.roles} == known().roles


def test_every_attempt_that_is_refused_and_every_kind_of_finding_serves_a_control() -> None:
    trials = [trial for control in committed().controls.values() for trial in control.trials if control.name != "attacked"]
    runs = ("proof", "validate", "attack", "audit")
    named = {run: {part for trial in trials if trial.run == run for part in trial.of} for run in runs}
    there = known()
    assert there.parts["proof"] - named["proof"] == {"cannot_prove"}, "what can't be judged counts for each kind"
    assert {run: there.parts[run] - named[run] for run in ("validate", "audit")} == {"validate": set(), "audit": set()}
    assert {name for names in there.attempts.values() for name in names} - named["attack"] == set()


def test_satre_is_listed_whole() -> None:
    """As many statements of each level as the source has, numbered without a gap within each capability."""
    items = next(s for s in committed().standards if s.name == "SATRE").items
    levels = [item.level for item in items]
    assert {level: levels.count(level) for level in set(levels)} == {
        "Mandatory": 89,
        "Mandatory*": 6,
        "Recommended": 67,
        "Optional": 23,
    }
    last = ("", 0)
    for item in items:
        capability, _, number = item.id.rpartition(".")
        assert int(number) == (last[1] + 1 if capability == last[0] else 1), item.id
        last = (capability, int(number))


def test_japanese_items_say_how_sure_their_number_is() -> None:
    for standard in (s for s in committed().standards if s.language == "ja"):
        assert [i.id for i in standard.items if not i.numbering or not i.term] == []
        assert standard.left_out


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == standards_page(), "run 'make docs' and commit the result"
