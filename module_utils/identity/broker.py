"""The program that gets accounts their certificates on a login server: root's, started by systemd for each request.

Self-contained, because it is installed as one file. Its standard input and output are a connection to its socket. Who
asks is told by the kernel (SO_PEERCRED), never by the one who asks; root may name an account. The certificate goes to
``CERTIFICATES``, which only root can write.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import socket
import struct
import subprocess
import syslog
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SETTINGS = "/etc/kakehashi/certificates.json"
CERTIFICATES = "/run/kakehashi-certificates"
_LONGEST = 256
_CERTIFICATE = re.compile(r"ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/]+={0,2}( [^\x00-\x1f\x7f]*)?")
_TIMEOUT = 30
_QUICK = 2


class NoCertificateError(Exception):
    """A certificate that can't be had; the text says why, for the account."""


def account_of(uid: int, name: str, said: str, accounts: Sequence[str]) -> str:
    """Return for which of ``accounts`` a peer (``uid``, ``name``) asks; root says for whom. Raises ``NoCertificateError``."""
    account = said if uid == 0 else name
    if account not in accounts:
        raise NoCertificateError(f"{account or 'nobody'} is no account that goes on from here")
    return account


def command(signer: Mapping[str, Any], address: str, key: str, known_hosts: str) -> list[str]:
    """Return the words by which a signer is asked, at one of its addresses."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "5",
        "ConnectionAttempts": "1",
        "ControlPath": "none",
        "GlobalKnownHostsFile": known_hosts,
        "HostKeyAlias": signer["name"],
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": "none",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-T", "-q", "-i", key, "-p", str(signer["port"]), *words, f"{signer['user']}@{address}"]


def ask(settings: Mapping[str, Any], account: str, public: str) -> str:
    """Return a certificate's line from the first signer that gives one. Raises ``NoCertificateError``."""
    request = json.dumps({"account": account, "key": " ".join(public.split()[:2])})
    said = "there is no signer"
    for signer in settings["signers"]:
        for address in signer["addresses"]:
            words = command(signer, address, settings["key"], settings["known_hosts"])
            try:
                done = subprocess.run(  # noqa: S603 - words, no shell
                    words, input=request, capture_output=True, text=True, timeout=_TIMEOUT, check=False
                )
            except (OSError, subprocess.TimeoutExpired):
                said = f"{signer['name']} did not answer"
                continue
            if done.returncode == 0 and _CERTIFICATE.fullmatch(done.stdout.strip()):
                return done.stdout.strip()
            said = f"{signer['name']} gave none ({done.stderr.strip()[:120] or 'it does not answer'})"
    raise NoCertificateError(f"{said}; try again, or tell the platform's operators")


def keep(directory: Path, account: str, line: str) -> None:
    """Put a certificate where ssh looks for it, in one step; only root can write there."""
    directory.mkdir(mode=0o755, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=".new-", delete=False) as fresh:
        fresh.write(f"{line}\n")
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).rename(directory / f"{account}-cert.pub")


def main() -> int:
    """Serve the one request of a connection."""
    syslog.openlog("kakehashi-certificate", 0, syslog.LOG_AUTHPRIV)
    peer = socket.socket(fileno=os.dup(0))
    peer.settimeout(_QUICK)
    _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    name = "?"
    try:
        said = peer.recv(_LONGEST).decode("ascii", "replace").strip()
        name = pwd.getpwuid(uid).pw_name
        settings = json.loads(Path(SETTINGS).read_text())
        account = account_of(uid, name, said, settings["accounts"])
        public = Path(settings["onward"], account, "id_ed25519.pub").read_text()
        keep(Path(CERTIFICATES), account, ask(settings, account, public))
    except NoCertificateError as refusal:
        answer = str(refusal)
    except (OSError, ValueError, LookupError) as error:
        answer = f"certificates can't be had here ({type(error).__name__}); tell the platform's operators"
    else:
        answer = "ok"
    syslog.syslog(syslog.LOG_INFO if answer == "ok" else syslog.LOG_WARNING, f"certificate for {name} (uid {uid}): {answer}")
    peer.sendall(f"{answer}\n".encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
