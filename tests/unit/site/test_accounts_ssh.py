"""What an account tells its own ssh decides no proof: each runs by the words of root alone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from module_utils.matrix.attempts import Endpoint
from module_utils.matrix.data_logins import through_node

TASKS = Path(__file__).resolve().parents[3] / "playbooks/tasks"
RUN_AS = re.compile(r"runuser.*?'ssh'(?P<options>.*)")


def test_each_task_that_goes_on_as_an_account_names_roots_words() -> None:
    found = {path.name: match["options"] for path in TASKS.glob("*.yml") for match in RUN_AS.finditer(path.read_text())}
    assert {"prove_access.yml", "prove_certified.yml", "rotation_prove.yml"} <= set(found)
    assert [name for name, options in found.items() if "'-F', '/etc/ssh/ssh_config'" not in options] == []


def test_so_does_the_way_to_data() -> None:
    words = through_node("sato", "mdx1", Endpoint("data1", "192.0.2.72", 2022), "/known")
    proxy = next(word for word in words if word.startswith("ProxyCommand=")).removeprefix("ProxyCommand=")
    assert shlex.split(proxy)[:3] == ["ssh", "-F", "/etc/ssh/ssh_config"]
    assert words[words.index("sftp") :][2:4] == ["-F", "none"]
