"""Documentation of the action plugin of the same name, which asks over the connection that is there."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_time
short_description: Read a host's clock, and the certificate whose end is judged by it
version_added: "0.3.0"
description:
  - Asks the host for its time and returns it with the controller's time before and after, so that the way's length is known.
  - Starts no Python there. Where the connection had to be opened for it, asks twice.
options:
  certificate:
    description: A file to be read with it, for instance the certificate that sshd shows. One that is not there is no fault.
    type: path
    default: ""
attributes:
  check_mode:
    description: Does the same.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Read the clock, and until when the host's certificate is good
  host_time:
    certificate: /etc/ssh/ssh_host_ed25519_key-cert.pub
  register: clock
"""

RETURN = r"""
shown:
  description: The host's time, in whole seconds since 1970.
  type: int
  returned: success
asked:
  description: When it was asked, by the controller's clock, in seconds since 1970.
  type: float
  returned: always
answered:
  description: When the answer was there, likewise.
  type: float
  returned: always
certificate:
  description: What the file holds; empty where there is none.
  type: str
  returned: success
"""
