"""The callback that loads filters before workers are forked, in a run of ansible-playbook of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Counts how often it is loaded.
PLUGIN = """
from pathlib import Path
with Path(__file__).with_suffix(".loaded").open("a") as file:
    file.write("x")
class FilterModule:
    def filters(self):
        return {"counted": str}
"""
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - {name: "One", ansible.builtin.debug: {msg: "{{ 1 | counted }}"}}
    - {name: "Two", ansible.builtin.debug: {msg: "{{ 2 | counted }}"}}
    - {name: "Three", ansible.builtin.debug: {msg: "{{ 3 | counted }}"}}
"""


@pytest.mark.parametrize(("callbacks", "times"), [("callback_plugins", 1), ("none", 3)], ids=["with it", "without it"])
def test_filters_are_loaded_once_for_all_workers(tmp_path: Path, callbacks: str, times: int) -> None:
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters/counted.py").write_text(PLUGIN)
    (tmp_path / "play.yml").write_text(PLAY)
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_FILTER_PLUGINS": str(tmp_path / "filters"),
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / callbacks),
        "LC_ALL": "C.UTF-8",
    }
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, "-i", "localhost,", str(tmp_path / "play.yml")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "filters/counted.loaded").read_text() == "x" * times
