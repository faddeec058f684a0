"""Ansible module: signs a host's public key, on the machine that keeps the authority's key."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_key_signature
short_description: Sign a host's public key with an authority of OpenSSH
version_added: "0.3.0"
description:
  - Makes a host certificate. The authority's key is not read by this module, only by ssh-keygen, and never leaves the machine.
  - Each signature is in the journal, as C(kakehashi-sign-host). Nothing else is written here.
options:
  authority:
    description: The authority's private key.
    type: path
    default: /var/lib/kakehashi-host-authority/host_ca
  name:
    description: The certificate's name.
    type: str
    required: true
  key:
    description: The public key that is signed.
    type: str
    required: true
  principals:
    description: The names and addresses for which the certificate is good.
    type: list
    elements: str
    required: true
  days:
    description: How long it is good.
    type: int
    default: 90
attributes:
  check_mode:
    description: Signs nothing, and says that it would.
    support: full
  diff_mode:
    description: Says for whom; the certificate is shown where it is kept.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have a host's key signed
  host_key_signature:
    name: mdx1
    key: "{{ example_certificate.public_key }}"
    principals: [mdx1, 192.0.2.101]
  delegate_to: ca1
"""

RETURN = r"""
certificate:
  description: The certificate's line; empty in check mode.
  type: str
  returned: always
"""

import syslog
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.identity.fields import CertificateError
from ansible.module_utils.identity.host_certificates import Needed, command, fault, plain, read
from ansible.module_utils.programs import run

SPEC: dict[str, dict[str, Any]] = {
    "authority": {"type": "path", "default": "/var/lib/kakehashi-host-authority/host_ca"},
    "name": {"type": "str", "required": True},
    "key": {"type": "str", "required": True, "no_log": False},
    "principals": {"type": "list", "elements": "str", "required": True},
    "days": {"type": "int", "default": 90},
}


def main() -> None:
    """Sign, look at what was signed, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    certificate = ""
    try:
        if not given["principals"]:
            raise CertificateError("a certificate for no name would be good for every host: give its principals")
        public = plain(given["key"])
        if not module.check_mode:
            certificate = _sign(given, public)
    except CertificateError as error:
        module.fail_json(msg=f"Nothing was signed for {given['name']}: {error}.")
    except OSError as error:
        why = f"{error.filename}: {error.strerror}; mend that, then run again"
        module.fail_json(msg=f"Nothing was signed for {given['name']}: {why}.")
    told = f"a host certificate of {given['name']} for {', '.join(given['principals'])}\n"
    module.exit_json(changed=True, certificate=certificate, diff={"before": "", "after": told})


def _sign(given: dict[str, Any], public: str) -> str:
    serial, names = time.time_ns(), tuple(given["principals"])
    authority = Path(f"{given['authority']}.pub").read_text(encoding="utf-8")
    needed = Needed(public, names, (authority,), given["days"])
    with tempfile.TemporaryDirectory() as room:
        path = Path(room, "key.pub")
        path.write_text(f"{public}\n", encoding="utf-8")
        done = run(command(needed, given["name"], given["authority"], serial, str(path)), CertificateError)
        if done.returncode != 0:
            raise CertificateError(f"ssh-keygen did not sign: {done.stderr.strip()[:160] or 'it gave no reason'}")
        line = path.with_name("key-cert.pub").read_text(encoding="utf-8").strip()
    found = read(line)
    if wrong := fault(found, needed):
        raise CertificateError(f"what ssh-keygen signed is not what was asked for ({wrong})")
    syslog.openlog("kakehashi-sign-host", 0, syslog.LOG_AUTHPRIV)
    said = f"signed host {given['name']} serial={serial} days={given['days']} principals={','.join(names)} key={public}"
    syslog.syslog(syslog.LOG_INFO, said)
    return line


if __name__ == "__main__":
    main()
