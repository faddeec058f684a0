"""Ansible module: has one signer make a certificate, from the login server it runs on, and looks at it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: signer_probe
short_description: Ask a signer for a certificate and look whether it is as it should be
version_added: "0.2.0"
description:
  - Asks one signer, as root of a login server, by the way and with the key that accounts' requests take (role
    C(onward_certificates)), for a certificate of an account's onward key.
  - Fails with a sentence where none is given, or where it is of another key, by another authority, for somebody else, from
    everywhere, or not in force now.
  - The certificate is written nowhere. Changes nothing; also runs in check mode.
options:
  signer:
    description: Which signer, by its name.
    type: str
    required: true
  account:
    description: For whom.
    type: str
    required: true
  authority:
    description: The public key of the signer's authority.
    type: str
    required: true
  host_keys:
    description: The signer's public host keys.
    type: list
    elements: str
    required: true
  settings:
    description: How this login server asks.
    type: path
    default: /etc/kakehashi/certificates.json
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
- name: See whether the signer certifies an account
  signer_probe:
    signer: ca1
    account: sato
    authority: "{{ __example_authority }}"
    host_keys: "{{ __example_host_keys }}"
"""

RETURN = r"""
seconds:
  description: How long it took.
  type: float
  returned: success
"""

import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.identity.broker import NoCertificateError, ask
from ansible.module_utils.identity.certificate import faults, fingerprint_of
from ansible.module_utils.programs import run

SPEC: dict[str, dict[str, Any]] = {
    "signer": {"type": "str", "required": True},
    "account": {"type": "str", "required": True},
    "authority": {"type": "str", "required": True},
    "host_keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "settings": {"type": "path", "default": "/etc/kakehashi/certificates.json"},
}


def main() -> None:
    """Ask, look, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    begun = time.monotonic()
    try:
        wrong = look(**module.params)
    except (NoCertificateError, OSError, ValueError, LookupError) as error:
        module.fail_json(msg=f"{module.params['signer']} certifies nobody: {error}")
    if wrong:
        module.fail_json(msg=f"{module.params['signer']} gave a certificate that opens nothing or too much: {'; '.join(wrong)}")
    module.exit_json(changed=False, seconds=round(time.monotonic() - begun, 2))


def look(signer: str, account: str, authority: str, host_keys: list[str], settings: str) -> list[str]:
    """Return in words what is wrong with the certificate. Raises ``NoCertificateError`` where there is none."""
    how = json.loads(Path(settings).read_text(encoding="utf-8"))
    how["signers"] = [one for one in how["signers"] if one["name"] == signer]
    if not how["signers"]:
        raise NoCertificateError("this login server does not ask there; run playbooks/site.yml on it first")
    public = Path(how["onward"], account, "id_ed25519.pub").read_text(encoding="utf-8")
    with tempfile.NamedTemporaryFile("w", prefix="known-") as known:
        known.write("".join(f"{signer} {' '.join(key.split()[:2])}\n" for key in host_keys))
        known.flush()
        line = ask({**how, "known_hosts": known.name}, account, public)
    told = [
        run(["env", "TZ=UTC", "ssh-keygen", option, "-f", "/dev/stdin"], NoCertificateError, text).stdout
        for option, text in (("-L", f"{line}\n"), ("-l", public), ("-l", f"{authority}\n"))
    ]
    return list(faults(told[0], account, fingerprint_of(told[1]), fingerprint_of(told[2]), datetime.now(UTC)))


if __name__ == "__main__":
    main()
