"""Mounts something by FUSE in a user's name, as fusermount3 does, and serves it as that user until it is ended.

``python3 fuse_mount.py UID PATH``. Needs root and /dev/fuse, and no package. Prints ``mounted`` once PATH can be listed; what
serves it is then a process of UID, which holds the mount open and has no rights of root.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_NOSUID, _NODEV = 2, 4
_HEADER = struct.Struct("<IIQQIIII")  # fuse_in_header: length, opcode, unique, node, uid, gid, pid, padding
_LOOKUP, _GETATTR, _OPEN, _STATFS, _RELEASE, _INIT, _OPENDIR, _READDIR = 1, 3, 14, 17, 18, 26, 27, 28
_NO_ENTRY, _NOT_THERE = 2, 38  # errno(3)
_QUIET = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET take no answer


def mount(uid: int, path: str) -> int:
    """Mount at ``path`` for ``uid``; returns the descriptor by which the kernel asks."""
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid}".encode()
    if libc.mount(b"test", os.fsencode(path), b"fuse.test", _NOSUID | _NODEV, options):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return device


def answer(opcode: int, uid: int) -> bytes | int:
    """Return what a directory without entries answers, or the number of an error."""
    if opcode == _INIT:
        return struct.pack("<IIIIHHIIHHIII", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0, 0, 0) + bytes(20)
    if opcode == _GETATTR:
        times = struct.pack("<QQQIII", 0, 0, 0, 0, 0, 0)
        kind = struct.pack("<IIIIIII", 0o040700, 2, uid, uid, 0, 4096, 0)
        return struct.pack("<QII", 1, 0, 0) + struct.pack("<QQQ", 1, 0, 0) + times + kind
    if opcode in (_OPEN, _OPENDIR):
        return struct.pack("<QII", 0, 0, 0)
    if opcode == _STATFS:
        return bytes(80)
    if opcode in (_READDIR, _RELEASE, 29):
        return b""
    return _NO_ENTRY if opcode == _LOOKUP else _NOT_THERE


def serve(device: int, uid: int) -> None:
    """Answer the kernel until the mount is gone."""
    while True:
        try:
            asked = os.read(device, 1 << 17)
        except OSError:
            return
        _length, opcode, unique, *_rest = _HEADER.unpack_from(asked)
        if opcode in _QUIET:
            continue
        said = answer(opcode, uid)
        body, error = (said, 0) if isinstance(said, bytes) else (b"", -said)
        os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


def main() -> None:
    """Mount as root, then serve as the user."""
    uid, path = int(sys.argv[1]), sys.argv[2]
    device = mount(uid, path)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    print("mounted", flush=True)
    serve(device, uid)


if __name__ == "__main__":
    main()
