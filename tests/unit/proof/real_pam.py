"""Asks the real libpam of this machine, with a directory of services of its own, so nothing of the machine changes."""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path

_RHOST = 4
_NAME = ctypes.util.find_library("pam")


class _Conversation(ctypes.Structure):
    _fields_ = [("conv", ctypes.c_void_p), ("data", ctypes.c_void_p)]


def usable() -> bool:
    """Return whether a libpam that takes a directory of services is here."""
    return _NAME is not None and hasattr(ctypes.CDLL(_NAME), "pam_start_confdir")


class RealPam:
    """A PAM of the services that stand in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._pam = ctypes.CDLL(_NAME)

    def admits(self, service: str, user: str, address: str) -> bool:
        """Return whether the account phase of ``service`` lets ``user`` from ``address`` pass."""
        handle, talk = ctypes.c_void_p(), _Conversation(None, None)
        start = self._pam.pam_start_confdir(
            service.encode(), user.encode(), ctypes.byref(talk), str(self.directory).encode(), ctypes.byref(handle)
        )
        assert start == 0, start
        try:
            assert self._pam.pam_set_item(handle, _RHOST, ctypes.c_char_p(address.encode())) == 0
            return bool(self._pam.pam_acct_mgmt(handle, 0) == 0)
        finally:
            self._pam.pam_end(handle, 0)
