"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: bypass_attempts
short_description: Make attempts of the bypass catalogue against the hosts as they are
version_added: "0.1.0"
description:
  - Makes attempts of C(attacks/) from where they begin, as C(make attack) does, with the same program. Takes no layer away.
  - On a twin any attempt; what it changes on hosts is put back, and looked at in the end. Elsewhere only those that are marked
    harmless, which change nothing; of these none shows an operator's or an onward key on a machine of others.
  - What can't be tried is named with the reason. Judges nothing; C(validation_report) does.
options:
  sources:
    description: The inventory sources of the run.
    type: list
    elements: str
    required: true
  attacks:
    description: Which ones, C(none), C(sample), C(all), or names of attempts, as a list or with commas between.
    type: raw
    required: true
  rehearsed:
    description: Whether this is a twin, where hosts may be changed.
    type: bool
    required: true
  personas:
    description: Who is marked C(probe), as C({name, key}) with the path of a private key.
    type: list
    elements: dict
    required: true
  known_hosts:
    description: Lines of known_hosts for the managed hosts.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Attempts are made in check mode, too.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Try ways past the rules
  bypass_attempts:
    sources: "{{ ansible_inventory_sources }}"
    attacks: sample
    rehearsed: true
    personas: "{{ twin_personas }}"
    known_hosts: "{{ validate_shown.known_hosts }}"
  register: validate_attempts
"""

RETURN = r"""
attempts:
  description: How each ended, as in C(attack.json); empty where none was asked for.
  type: dict
  returned: always
"""
