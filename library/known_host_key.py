"""Ansible module: whether ssh here would believe another key of a host, and has a file of known hosts follow it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: known_host_key
short_description: Say whether ssh on this machine would believe a host's next key
version_added: "0.3.0"
description:
  - Asks ssh where it looks a host up (C(ssh -G)), and looks there for the key, or for who certified it.
  - Connects to nobody. C(KnownHostsCommand) is not asked.
options:
  host:
    description: The host, as ssh is told it.
    type: str
    required: true
  arguments:
    description: What else ssh is told, as a shell would be given it; words with spaces are quoted.
    type: str
    default: ""
  directory:
    description: Where ssh is run. Paths that are relative are taken from there.
    type: path
    default: /
  current:
    description: The public key by which the host is known now.
    type: str
    required: true
  following:
    description: The public key that it shall show.
    type: str
    required: true
  certificate:
    description: The certificate of that key, where there is one. It counts where it is in date and for the name that ssh has.
    type: str
    default: ""
  authority:
    description: The public key of who will certify the host, where there is no O(certificate) by it yet.
    type: str
    default: ""
  authorities:
    description:
      - O(current) and O(following) are keys that certify hosts. In O(file) lines marked C(@cert-authority) follow then, and no
        others; nothing is asked.
    type: bool
    default: false
  file:
    description: A file of known hosts, which gets a line of O(following) behind each of O(current). Without it none is written.
      Marked lines are left alone, but for O(authorities).
    type: path
  state:
    description: With V(replaced) O(file) then loses those of O(current), and nothing is asked.
    type: str
    choices: [asked, replaced]
    default: asked
attributes:
  check_mode:
    description: Says what would be written.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: See whether this machine would believe a host's next key
  known_host_key:
    host: mdx1
    current: "{{ example_pair.current }}"
    following: "{{ example_pair.beside }}"
  delegate_to: localhost
"""

RETURN = r"""
known:
  description: Whether it would.
  type: bool
  returned: with state V(asked) of a host
name:
  description: The name by which ssh looks the host up.
  type: str
  returned: with state V(asked) of a host
files:
  description: The files in which it looks.
  type: list
  elements: str
  returned: with state V(asked) of a host
"""

import os
import shlex
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.identity.fields import CertificateError
from ansible.module_utils.identity.host_certificates import plain, read
from ansible.module_utils.identity.known_host import authority_of, believes, looked_up, with_next, without
from ansible.module_utils.programs import run

SPEC: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "required": True},
    "arguments": {"type": "str", "default": ""},
    "directory": {"type": "path", "default": "/"},
    "current": {"type": "str", "required": True},
    "following": {"type": "str", "required": True},
    "certificate": {"type": "str", "default": ""},
    "authority": {"type": "str", "default": ""},
    "authorities": {"type": "bool", "default": False},
    "file": {"type": "path"},
    "state": {"type": "str", "choices": ["asked", "replaced"], "default": "asked"},
}


class AskError(RuntimeError):
    """What could not be asked."""


def main() -> None:
    """Write where that is asked for, look, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    try:
        current, following = plain(given["current"]), plain(given["following"])
        before, after = _file(given, current, following)
        if before != after and not module.check_mode:
            _write(_path(given), after)
        answer = _asked(given, following) if given["state"] == "asked" and not given["authorities"] else {}
    except (CertificateError, AskError) as error:
        module.fail_json(msg=f"Whether the next key of {given['host']} would be believed is not known: {error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}; mend that, then run again.")
    module.exit_json(changed=before != after, diff={"before": before, "after": after}, **answer)


def _file(given: dict[str, Any], current: str, following: str) -> tuple[str, str]:
    if not given["file"]:
        return "", ""
    text, marker = _path(given).read_text(encoding="utf-8"), "@cert-authority" if given["authorities"] else ""
    both = with_next(text, current, following, marker)
    # When the old one goes, under a name that came to the file meanwhile the next key may have no line yet.
    return text, both if given["state"] == "asked" else without(both, current, marker)


def _path(given: dict[str, Any]) -> Path:
    # A link stays one: what it leads to is written.
    return Path(given["directory"], given["file"]).resolve()


def _write(path: Path, text: str) -> None:
    like = path.stat()
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(like.st_mode & 0o7777)
    os.chown(fresh, like.st_uid, like.st_gid)
    fresh.rename(path)


def _asked(given: dict[str, Any], following: str) -> dict[str, Any]:
    try:
        words = shlex.split(given["arguments"])
    except ValueError as error:
        raise AskError(f"ssh's arguments {given['arguments']!r} can't be split: {error}") from error
    asked = run(["ssh", *words, "-G", given["host"]], AskError, directory=given["directory"])
    if asked.returncode != 0:
        raise AskError(f"ssh -G says {asked.stderr.strip() or 'nothing'}")
    where = looked_up(asked.stdout, str(Path.home()), given["directory"])
    files = [file for file in where.files if Path(file).is_file()]
    lines: list[str] = []
    for file in files:
        lines += run(["ssh-keygen", "-F", where.name, "-f", file], AskError).stdout.splitlines()
    authority = plain(given["authority"]) if given["authority"].strip() else ""
    if given["certificate"].strip():
        authority = authority_of(read(given["certificate"]), following, where.principal, time.time())
    return {"known": believes(lines, following, authority), "name": where.name, "files": list(where.files)}


if __name__ == "__main__":
    main()
