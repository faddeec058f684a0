"""Runs OpenSCAP and Lynis on the host that it is brought to, and prints what they found as JSON.

This is the main program of the file that ``judges_pack`` packs. It runs itself once more in a transient unit of systemd, where
the whole file tree is read-only, what is named is hidden, and /mnt is empty memory for the judges' files, gone with the unit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from module_utils.judges import lynis, openscap

SCRATCH = Path("/mnt")
CONTENT = "ssg-debian12-ds.xml"
PROFILE = "xccdf_org.ssgproject.content_profile_anssi_bp28_intermediary"
COVERED = ("debian", "12")
PAYLOAD = "payload.tar.xz"
SECONDS = 900
_OSCAP_ENDED = (0, 2)
_PRIVATE = (
    "ReadOnlyPaths=/",
    f"TemporaryFileSystem={SCRATCH}:mode=0700,exec,size=512m",
    "MemoryMax=1G",
    "Nice=19",
    "IOSchedulingClass=idle",
    f"RuntimeMaxSec={SECONDS}",
)


def main(arguments: list[str]) -> str:
    """Return what the judges found, as JSON; ends with a sentence where they can't run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hide", action="append", default=[], metavar="PATH", help="a tree that the judges must not see")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        return json.dumps(_judge(Path(sys.argv[0]).resolve()))
    if os.geteuid() != 0:
        sys.exit("OpenSCAP and Lynis need root on the host")
    if shutil.which("systemd-run") is None:
        sys.exit("this host has no systemd-run, which gives the judges a file tree that they can't change")
    # Where it lies, in an operator's home, everybody could read it, and OpenSCAP would say so.
    Path(sys.argv[0]).chmod(0o700)
    return _in_a_unit([*_PRIVATE, *(f"InaccessiblePaths=-{path}" for path in options.hide)])


def _in_a_unit(properties: list[str]) -> str:
    unit = ["systemd-run", "--pipe", "--wait", "--collect", "--quiet", *(f"--property={text}" for text in properties)]
    program = [sys.executable, "-I", str(Path(sys.argv[0]).resolve()), "--inside"]
    done = subprocess.run([*unit, "--", *program], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(_last_line(done.stderr) or f"the judges' unit ended with status {done.returncode}, or after {SECONDS} s")
    return done.stdout


def _judge(archive: Path) -> dict[str, Any]:
    read_only = SCRATCH.is_mount() and os.statvfs("/").f_flag & os.ST_RDONLY
    if not read_only or Path("/proc/self/ns/mnt").readlink() == Path("/proc/1/ns/mnt").readlink():
        sys.exit("systemd gave the judges no read-only file tree of their own here, so they were not run")
    with zipfile.ZipFile(archive) as packed:
        packed.extract(PAYLOAD, SCRATCH)
    shutil.unpack_archive(SCRATCH / PAYLOAD, SCRATCH)
    system = platform.freedesktop_os_release()
    release = (system["ID"], system.get("VERSION_ID", ""))
    return {
        "release": " ".join(release),
        "container": _in_a_container(),
        "openscap": _timed(lambda: _openscap(release)),
        "lynis": _timed(_lynis),
    }


def _in_a_container() -> bool:
    return subprocess.run(["systemd-detect-virt", "--quiet", "--container"], check=False).returncode == 0


def _timed(judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begun = time.monotonic()
    try:
        found = judge()
    except (OSError, ValueError) as error:
        found = {"fault": str(error)}
    return {**found, "seconds": round(time.monotonic() - begun, 1)}


def _openscap(release: tuple[str, str]) -> dict[str, Any]:
    if release != COVERED:
        return {"not_covered": f"no content for {' '.join(release)}"}
    results = SCRATCH / "results.xml"
    # The content is Debian's, checked by its digest when it was packed: what would be validated each time is its syntax.
    command = [SCRATCH / "bin/oscap", "xccdf", "eval", "--skip-validation", "--profile", PROFILE, "--results", results]
    environment = {"LD_LIBRARY_PATH": str(SCRATCH / "lib"), "OSCAP_CPE_PATH": str(SCRATCH / "cpe")}
    done = _run([*map(str, command), str(SCRATCH / CONTENT)], environment)
    if done.returncode not in _OSCAP_ENDED or not results.is_file():
        msg = f"oscap ended with status {done.returncode}: {_last_line(done.stderr)}"
        raise ValueError(msg)
    return {"rules": openscap.rules(results.read_text())}


def _lynis() -> dict[str, Any]:
    report = SCRATCH / "lynis-report.dat"
    command = ["./lynis", "audit", "system", "--quick", "--no-colors", "--quiet", "--profile", str(SCRATCH / "lynis/default.prf")]
    done = _run([*command, "--report-file", str(report), "--logfile", "/dev/null"])
    if not report.is_file():
        msg = f"Lynis ended with status {done.returncode} and no report: {_last_line(done.stderr)}"
        raise ValueError(msg)
    return lynis.report(report.read_text(errors="replace"))


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(SCRATCH), "LC_ALL": "C", "TMPDIR": str(SCRATCH)}
    return subprocess.run(
        command,
        cwd=SCRATCH / "lynis",
        env={**plain, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


if __name__ == "__main__":
    print(main(sys.argv[1:]))
