"""Defaults, argument specs and tasks of a role say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools.check_argument_specs import main, problems, uses
from tools.role_files import load_role

OPTION = {"type": "int", "default": 22, "description": "Port."}


def make_role(
    root: Path,
    options: dict[str, object] | None = None,
    defaults: dict[str, object] | None = None,
    **files: str,
) -> Path:
    """Write the role `door`; extra files by path, `__` standing for `/` and the suffix left out."""
    role = root / "door"
    texts = {"tasks__main": "- debug: msg={{ door_port }}\n", **files}
    texts["meta__argument_specs"] = yaml.safe_dump({"argument_specs": {"main": {"options": options or {}}}})
    texts["defaults__main"] = yaml.safe_dump(defaults or {})
    for name, text in texts.items():
        path = role / (name.replace("__", "/") + ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return role


def found(role: Path) -> str:
    return "\n".join(problems(load_role(role)))


def test_a_role_in_order_has_no_problem(tmp_path: Path) -> None:
    assert found(make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22})) == ""


@pytest.mark.parametrize(
    ("option", "default", "words"),
    [
        (OPTION, None, "main: door_port: has the default 22, but defaults/main.yml has none."),
        (OPTION, 23, "main: door_port: default 22, but defaults/main.yml says 23."),
        ({"type": "int"}, 22, "main: door_port: has no default, but defaults/main.yml says 22."),
        ({**OPTION, "required": True}, None, "main: door_port: is required and has a default; keep one of the two."),
        ({"type": "int", "default": 1}, True, "main: door_port: default 1, but defaults/main.yml says True."),
        (None, 22, "defaults/main.yml: door_port: no entry point describes it"),
    ],
)
def test_each_disagreement_is_named(tmp_path: Path, option: object, default: object, words: str) -> None:
    role = make_role(
        tmp_path,
        None if option is None else {"door_port": option},
        None if default is None else {"door_port": default},
    )
    assert words in found(role)


def test_an_option_that_nothing_uses_is_named(tmp_path: Path) -> None:
    role = make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22}, tasks__main="- debug: msg={{ door_port_other }}\n")
    assert found(role) == "door: door_port: nothing in the role uses it."


def test_a_role_variable_that_nothing_uses_is_named(tmp_path: Path) -> None:
    role = make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22}, vars__main="__door_path: /etc/door\n")
    assert found(role) == "door: __door_path: nothing in the role uses it."


def test_a_task_file_that_nothing_includes_needs_a_spec(tmp_path: Path) -> None:
    role = make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22}, tasks__close="[]\n")
    assert "door/tasks/close.yml: nothing includes it, so it is an entry point" in found(role)


@pytest.mark.parametrize(
    "task",
    [
        "- ansible.builtin.include_tasks: close.yml\n",
        "- import_tasks: 'close.yml'\n",
        "- include_tasks: \"{{ 'close' if true else 'open' }}.yml\"\n",
        "- ansible.builtin.include_tasks:\n    file: close.yml\n    apply: {tags: x}\n",
    ],
)
def test_an_included_task_file_needs_none(tmp_path: Path, task: str) -> None:
    main_file = "- debug: msg={{ door_port }}\n" + task
    assert found(make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22}, tasks__main=main_file, tasks__close="[]\n")) == ""


def test_a_spec_without_its_task_file_is_named(tmp_path: Path) -> None:
    role = make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22})
    (role / "tasks" / "main.yml").rename(role / "tasks" / "other.yml")
    assert "door/meta/argument_specs.yml: main: there is no tasks/main.yml." in found(role)


def test_a_role_without_specs_is_named(tmp_path: Path) -> None:
    role = make_role(tmp_path)
    (role / "meta" / "argument_specs.yml").unlink()
    assert "door/meta/argument_specs.yml: missing or empty" in found(role)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("port: '{{ door_port }}'", True),
        ("when: door_port | length", True),
        ("door_port: 22\n", False),
        ("door_port_two", False),
        ("my.door_port", False),
        ("x: 1\ndoor_port : 22", False),
        ("door_port: 22\nother: '{{ door_port }}'", True),
    ],
)
def test_setting_a_variable_is_not_using_it(text: str, wanted: bool) -> None:
    assert uses(text, "door_port") is wanted


def test_main_counts_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_role(tmp_path, {"door_port": OPTION}, {"door_port": 22})
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 roles read, 0 problems found.\n"
    (tmp_path / "door" / "defaults" / "main.yml").write_text("- a list\n")
    assert main([str(tmp_path)]) == 1
    assert "holds a list, wanted a mapping" in capsys.readouterr().err
    (tmp_path / "door" / "defaults" / "main.yml").write_text("{")
    assert main([str(tmp_path)]) == 1
    assert "not YAML" in capsys.readouterr().err
