"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: validation_report
short_description: Judge what playbooks/validate.yml gathered, show it, and write the evidence
version_added: "0.1.0"
description:
  - Compares the logins that were tried with the declaration, and the settings that were read with those that the roles make.
  - Prints a table and a named row for each difference, and writes C(validate.json) for its owner only.
  - Fails where anything is not as declared, was not tried, or could not be said.
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
    description: Where evidence is kept.
    type: path
    required: true
  full:
    description: Whether every attempt was made, and none derived.
    type: bool
    default: false
  untried:
    description: Hosts and users that may be missing without failing the run.
    type: list
    elements: str
    default: []
  missing_keys:
    description: Who had no key to show, as C(name, colon, reason).
    type: list
    elements: str
    default: []
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
- name: Compare with the declaration and write the evidence
  validation_report:
    sources: "{{ ansible_inventory_sources }}"
    begun: "{{ validate_begun }}"
    directory: evidence
"""

RETURN = r"""
evidence:
  description: Path of the evidence.
  type: str
  returned: always
holds:
  description: Whether everything is as declared.
  type: bool
  returned: always
"""
