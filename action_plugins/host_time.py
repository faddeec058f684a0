"""Action: asks a host for its time, and with it for the certificate that it shows. No Python is started there."""

from __future__ import annotations

import re
import shlex
import time
from typing import Any

from ansible.plugins.action import ActionBase

_MARK = "kakehashi-time"
"""What the answer begins with: a shell may have printed something before."""
_TOLD = re.compile(rf"^{_MARK} ([0-9]{{1,11}})\r?(?:\n|\Z)", re.MULTILINE)
_SLOW = 2.0
"""Seconds beyond which a connection was opened, rather than used: it is asked once more, so that the time is known better."""


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """``host_time``: see library/host_time.py for arguments and what is returned."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and return the answer with the controller's times before and after it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        found = self._asked(str(self._task.args.get("certificate") or ""))
        if found["answered"] - found["asked"] > _SLOW:
            found = self._asked(str(self._task.args.get("certificate") or ""))
        result.update(changed=False, **found)
        if found["shown"] is None:
            result.update(failed=True, msg=f"the host does not tell its time: date says {found.pop('said')!r}")
        return result

    def _asked(self, certificate: str) -> dict[str, Any]:
        also = f"; cat {shlex.quote(certificate)} 2>/dev/null; true" if certificate else ""
        asked = time.time()
        answer = self._low_level_execute_command(f'echo "{_MARK} $(date +%s)"{also}')
        answered = time.time()
        text = str(answer["stdout"])
        told = _TOLD.search(text)
        rest = text[told.end() :] if told else ""
        shown = int(told[1]) if told else None
        return {"asked": asked, "answered": answered, "shown": shown, "certificate": rest, "said": text[:60]}
