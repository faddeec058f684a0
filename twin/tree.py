"""Writes a node's own files into its overlay's upper directory, without mounting anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from twin.accounts import SUDOERS, Databases, User, sudoers, with_users
from twin.bootstrap import Tree


class Upper:
    """An overlay's upper directory over its lower ones (`lower`, topmost first)."""

    def __init__(self, upper: Path, lower: Iterable[Path]) -> None:
        self.upper = upper
        self.lower = tuple(lower)

    def read(self, path: str) -> str:
        """The text of a file as the node would see it."""
        for root in (self.upper, *self.lower):
            if (root / path.lstrip("/")).exists():
                return (root / path.lstrip("/")).read_text()
        return ""

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """Write one file; returns where it lies."""
        target = self._place(path)
        target.unlink(missing_ok=True)
        target.touch(mode=0o600)
        target.write_text(text)
        target.chmod(mode)
        return target

    def write_tree(self, tree: Tree) -> None:
        """Write all of a tree."""
        for path, text in tree.files.items():
            self.write(path, text, 0o600 if path in tree.private else 0o644)
        for path, goal in tree.links.items():
            target = self._place(path)
            target.unlink(missing_ok=True)
            target.symlink_to(goal)
        for path in tree.removed:
            target = self._place(path)
            target.unlink(missing_ok=True)
            # To overlayfs a character device 0:0 is a file that is not there.
            os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))

    def write_users(self, users: Iterable[User]) -> None:
        """Make users, with their homes and keys."""
        everybody = tuple(users)
        before = Databases(*(self.read(f"/etc/{name}") for name in ("passwd", "shadow", "group", "gshadow")))
        after = with_users(before, everybody)
        self.write("/etc/passwd", after.passwd)
        os.chown(self.write("/etc/shadow", after.shadow, 0o640), 0, 42)
        self.write("/etc/group", after.group)
        os.chown(self.write("/etc/gshadow", after.gshadow, 0o640), 0, 42)
        self.write(SUDOERS, sudoers(everybody), 0o440)
        for user in everybody:
            self._write_home(user)

    def _write_home(self, user: User) -> None:
        self._place(f"{user.home}/.ssh/authorized_keys")
        keys = self.write(f"{user.home}/.ssh/authorized_keys", user.public_key, 0o600)
        for skeleton in (".bashrc", ".profile"):
            os.chown(self.write(f"{user.home}/{skeleton}", self.read(f"/etc/skel/{skeleton}")), user.uid, user.uid)
        for path, mode in ((keys.parent.parent, 0o750), (keys.parent, 0o700), (keys, 0o600)):
            os.chown(path, user.uid, user.uid)
            path.chmod(mode)

    def _place(self, path: str) -> Path:
        """`path` in the upper directory, its directories made as the image has them."""
        relative = Path(path.lstrip("/"))
        for parent in reversed(relative.parents[:-1]):
            here = self.upper / parent
            if not here.exists():
                here.mkdir(mode=0o755)
                below = next((root / parent for root in self.lower if (root / parent).is_dir()), None)
                if below is not None:
                    found = below.stat()
                    os.chown(here, found.st_uid, found.st_gid)
                    here.chmod(stat.S_IMODE(found.st_mode))
        return self.upper / relative
