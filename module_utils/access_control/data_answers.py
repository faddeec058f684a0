"""What a host itself says of accounts that read data: its sshd, the keys that lie there, the directory of each, and PAM."""

from __future__ import annotations

import ctypes
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from .sshd_settings import Effective, admits

Ask = Callable[[str, str], Effective]
"""What sshd has in force for (user, address)."""
AskPam = Callable[[str, str], str]
"""Why PAM refuses (user, address); nothing where it does not."""
_RHOST, _TTY = 4, 3
"""Items of PAM (security/_pam_types.h)."""
_NO_ANSWER = 19
"""PAM_CONV_ERR: nobody is there to answer a question."""
_Answer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class PamError(RuntimeError):
    """PAM can't be asked here; the text says why."""


class _Conversation(ctypes.Structure):
    _fields_ = (("answer", _Answer), ("data", ctypes.c_void_p))


def data_refusals(logins: Iterable[Mapping[str, str]], ask: Ask, ask_pam: AskPam, root: Path = Path("/")) -> list[str]:
    """Return in words who of ``logins`` (``{user, address}``) would not get to data here, and why. Paths lie below ``root``."""
    found = []
    for login in logins:
        user, address = login["user"], login["address"]
        settings = ask(user, address)
        if not admits(settings, user, address):
            why = "sshd admits them by no AllowUsers line"
        else:
            why = _no_key(settings, user, root) or _bad_room(settings, user, root) or ask_pam(user, address)
        if why:
            found.append(f"{user} from {address}: {why}")
    return found


def _no_key(settings: Effective, user: str, root: Path) -> str:
    names = [name.replace("%u", user) for value in settings.get("authorizedkeysfile", ()) for name in value.split()]
    for name in names:
        try:
            lines = (root / name.lstrip("/")).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        if any(line.strip() and not line.startswith("#") for line in lines):
            return ""
    return f"there is no key in {' or '.join(names) or 'any file'}"


def _bad_room(settings: Effective, user: str, root: Path) -> str:
    """Return why sshd would not shut anybody in the directory: root alone may write to it and to what is above."""
    name = next(iter(settings.get("chrootdirectory", ())), "none").replace("%u", user)
    if name == "none":
        return ""
    place = root / name.lstrip("/")
    for path in (place, *place.parents):
        try:
            status = path.stat()
        except OSError as error:
            return f"{path}: {error.strerror}"
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{path} is not a directory that root alone may write to"
        if path == root:
            break
    return ""


def pam_refusal(service: str, user: str, address: str, directory: str = "") -> str:
    """Return why the account rules of a PAM ``service`` refuse a user from an address, in PAM's words; nothing where they don't.

    ``directory`` holds the rules where they are not the host's. Raises ``PamError`` where PAM can't be asked.
    """
    try:
        pam = ctypes.CDLL("libpam.so.0")
        pam.pam_strerror.restype = ctypes.c_char_p
        handle = ctypes.c_void_p()
        conversation = _Conversation(_Answer(lambda *_asked: _NO_ANSWER), None)
        begun = (service.encode(), user.encode(), ctypes.byref(conversation))
        if directory:
            status = pam.pam_start_confdir(*begun, directory.encode(), ctypes.byref(handle))
        else:
            status = pam.pam_start(*begun, ctypes.byref(handle))
    except (OSError, AttributeError) as error:
        raise PamError(f"PAM can't be asked: {error}") from error
    if status != 0:
        return f"PAM does not begin for {service} (status {status})"
    try:
        pam.pam_set_item(handle, _RHOST, address.encode())
        pam.pam_set_item(handle, _TTY, b"ssh")
        status = pam.pam_acct_mgmt(handle, 0)
        return f"PAM refuses them: {(pam.pam_strerror(handle, status) or b'').decode()}" if status else ""
    finally:
        pam.pam_end(handle, status)
