"""Lines of an authorized_keys file: each key with the origins it is good for, and nothing that it isn't needed for."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

_TYPES = frozenset(
    {
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-rsa",
    }
)
_COMMENT = re.compile(r"[^\x00-\x1f\x7f]*")


class KeyLineError(ValueError):
    """A public key that can't be used; the text says why."""


def check_key(key: str) -> str:
    """Return a public key line without options, stripped; raise KeyLineError if it is anything else."""
    words = key.strip().split(" ", 2)
    if "\n" in key.strip() or "\r" in key:
        raise KeyLineError("it has several lines: write one list entry for each key")
    if len(words) < 2 or words[0] not in _TYPES:  # noqa: PLR2004 - type and key
        raise KeyLineError(
            f"{key[:40]!r} does not begin with a key type such as ssh-ed25519: write the line of the .pub file, without options"
        )
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyLineError(f"{words[0]}: the part after the type is not base64, it was cut or mistyped") from error
    if not blob.startswith(len(words[0]).to_bytes(4, "big") + words[0].encode()):
        raise KeyLineError(f"the key says it is {words[0]}, its content is of another type")
    if not _COMMENT.fullmatch(" ".join(words[2:])):
        raise KeyLineError(f"{words[0]}: the comment holds control characters")
    return key.strip()


def key_lines(
    keys: Iterable[str], sources: Sequence[str], *, forwarding: bool = False, authorities: Iterable[str] = (), name: str = ""
) -> str:
    """Return the content of one user's file. Without sources there is none: a line without ``from=`` opens every door.

    ``forwarding`` leaves TCP forwarding to sshd_config (for operators where they may jump onwards). Certificates of
    ``authorities`` for ``name`` open like the keys: without principals= one that is for nobody would, too.
    """
    if not sources:
        return ""
    options = [f'from="{",".join(sources)}"', "restrict", "pty"]
    if forwarding:
        options.append("port-forwarding")
    lines = [f"{','.join(options)} {check_key(key)}\n" for key in dict.fromkeys(keys)]
    by = [*options, "cert-authority", f'principals="{name}"']
    lines += [f"{','.join(by)} {check_key(key)}\n" for key in dict.fromkeys(authorities)]
    return "".join(lines)
