"""Ansible module: reads the audit's chain on a log server, and changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: audit_chain
short_description: Verify the audit's chain on a log server and read its records
version_added: "0.1.0"
description:
  - Verifies the whole chain against itself and against O(heads), and returns the records since a time and from O(reach) on.
  - Says whether journals are received and taken into the chain now, and when something came of each host's journal last.
  - Records of O(heads) that had to be kept longer may not be missing, whatever the chain says of what was due to go.
  - Whoever is root on the log server could have it say anything, so the caller verifies again what it is given.
options:
  heads:
    description: Records of the chain as they were seen earlier.
    type: list
    elements: dict
    default: []
    suboptions:
      chain:
        description: Digest of the chain's first record.
        type: str
        required: true
      number:
        description: Number of the record.
        type: int
        required: true
      digest:
        description: Its digest.
        type: str
        required: true
      seen:
        description: When it was seen, as in C(2026-12-01 01:00:00), in UTC. One that doesn't say is held to be young.
        type: str
        default: ""
  reach:
    description:
      - Records from this number on are returned however old they are, so that the caller can compare them with what it has seen.
    type: int
    default: 0
  kept_since:
    description:
      - Records of heads that were seen since then have to be there. In seconds since 1970, by the caller's clock and as long ago
        as the caller's inventory says that records are kept.
      - 0 asks for the records of all heads.
    type: int
    default: 0
  days:
    description: Records of so many days are returned; 0 returns all.
    type: int
    default: 30
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: There is never a difference.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Read the audit
  audit_chain:
    days: 7
  register: audit_chain_read
"""

RETURN = r"""
lines:
  description: The records, one line each.
  type: list
  elements: str
  returned: always
faults:
  description: What is wrong with the chain.
  type: list
  elements: str
  returned: always
recording:
  description: Whether the service that keeps the chain runs.
  type: bool
  returned: always
receiving:
  description: Whether the service that receives journals runs.
  type: bool
  returned: always
newest:
  description:
    - When the newest entry of each host's journal came, in seconds since 1970, by host; that of the log server's own, too.
    - A host of which nothing ever came is not in it.
  type: dict
  returned: always
untold:
  description: How many alerts the declared command has not taken yet.
  type: int
  returned: always
growing_only:
  description: Whether the kernel lets the chain's files only grow.
  type: bool
  returned: always
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible.module_utils.audit import alerts, arrivals, chain, recorder, store
from ansible.module_utils.audit.command import SETTINGS
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.programs import run

HEAD = {
    "chain": {"type": "str", "required": True},
    "number": {"type": "int", "required": True},
    "digest": {"type": "str", "required": True},
    "seen": {"type": "str", "default": ""},
}
SPEC = {
    "heads": {"type": "list", "elements": "dict", "default": [], "options": HEAD},
    "days": {"type": "int", "default": 30},
    "reach": {"type": "int", "default": 0},
    "kept_since": {"type": "int", "default": 0},
}


class ReadError(RuntimeError):
    """A program that is asked can't be run, or a file that is read isn't what it should be."""


def main() -> None:
    """Read, verify, hand over."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    heads = [chain.Head(**head) for head in module.params["heads"]]
    directory, days = Path(store.DIRECTORY), module.params["days"]
    since = int((time.time() - days * 86400) * 1_000_000) if days else 0
    try:
        lines = list(store.lines(directory))
        verdict = chain.verify(lines, heads, module.params["kept_since"])
        growing = all(store.append_only(path) for path in (directory, *store.files(directory)))
        recording, receiving = _runs("kakehashi-audit.service"), _runs("kakehashi-journal.service")
        newest = {host: arrivals.newest(paths, ReadError) for host, paths in recorder.journals(_settings())}
    except (store.StoreError, ReadError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}; run playbooks/site.yml on this log server, then run again")
    module.exit_json(
        changed=False,
        lines=list(_from(lines, since, module.params["reach"])),
        faults=list(verdict.faults),
        recording=recording,
        receiving=receiving,
        newest={host: at for host, at in newest.items() if at is not None},
        untold=len(alerts.waiting(Path(recorder.STATE, alerts.ROOM))),
        growing_only=growing,
    )


def _settings() -> recorder.Settings:
    try:
        return recorder.settings_of(Path(SETTINGS).read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise ReadError(f"{SETTINGS} holds no settings; run playbooks/site.yml on this log server, then run again") from error


def _runs(unit: str) -> bool:
    return run(["systemctl", "is-active", "--quiet", unit], ReadError).returncode == 0


def _from(lines: Sequence[str], since: int, number: int) -> Iterator[str]:
    """Yield the lines from the first one on that is of interest: new since a time, or to be compared."""
    begun = False
    for line in lines:
        record = chain.record_of(line)
        begun = begun or (record is not None and (record["at"] >= since or record["number"] >= number))
        if begun:
            yield line.rstrip("\n")


if __name__ == "__main__":
    main()
