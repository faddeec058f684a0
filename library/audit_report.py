"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: audit_report
short_description: Show who logged in, judge it by a plan, and write the evidence
version_added: "0.1.0"
description:
  - Verifies what playbooks/audit.yml read from the log servers against itself and against the heads of earlier runs.
  - Prints logins as a table and refusals by count, and writes C(audit.json) for its owner only.
  - Fails where a chain is not whole, a log server was not read or receives nothing, nothing comes of a host, an alert
    did not come, nobody announced the use of a sealed credential, or there is a plan and somebody logged in who is not in it,
    an operator outside every window or a name that is neither a present account's nor an operator's.
options:
  sources:
    description: The inventory sources of the run.
    type: list
    elements: str
    required: true
  begun:
    description: When the run began; names the directory of its evidence.
    type: str
    required: true
  directory:
    description: Where evidence is kept, that of earlier runs too.
    type: path
    required: true
  days:
    description: How many days were asked for, 0 for all. What earlier runs saw within them has to be there.
    type: int
    required: true
  silence:
    description: A host of which nothing came for longer than so many seconds fails the run.
    type: int
    required: true
  plan:
    description: File of the maintenance plan. Without one, logins are shown and not judged.
    type: path
    default: ""
  forget:
    description: Names of log servers that were set up anew, so that their earlier chain is not looked for.
    type: list
    elements: str
    default: []
  person:
    description: The operator who runs this; what the run itself needs to log in is not held against the plan.
    type: str
    default: ""
attributes:
  check_mode:
    description: The evidence is written in check mode too.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Judge
  audit_report:
    sources: "{{ ansible_inventory_sources }}"
    begun: "{{ audit_begun }}"
    directory: evidence
    days: 30
    silence: 86400
    plan: maintenance.yml
"""

RETURN = r"""
evidence:
  description: Path of the evidence.
  type: str
  returned: always
holds:
  description: Whether nothing was found that fails the run.
  type: bool
  returned: always
"""
