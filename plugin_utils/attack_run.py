"""Tries the bypass catalogue on a twin, with the counter-tests, and writes evidence/<time>/attack.json.

``python -m plugin_utils.attack_run -i inventories/twin -i /var/lib/kakehashi/default/overlay``, from the operators' host
(``make attack`` does that). Only on a twin: the counter-tests take layers away, which nobody may do to machines in service.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from module_utils.attacks.judge import Seen, judge
from module_utils.attacks.model import Catalogue
from module_utils.attacks.parse import CatalogueError
from module_utils.attacks.places import NOBODY
from module_utils.attacks.rounds import Plan, plan_rounds
from module_utils.fabric.model import Fabric
from module_utils.fabric.problems import FabricError

from .attack_driver import AttackError, Driver, Ways
from .attacks import Done, after_line, load_catalogue, result_lines
from .evidence import fabric_digest, write_evidence
from .inventory import load_fabric

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line: 0 where all is as the catalogue says, 1 where not, 2 where it could not be tried."""
    chosen = _parser().parse_args(arguments)
    try:
        catalogue = load_catalogue()
        _known(catalogue, chosen.only)
        fabric = load_fabric(*chosen.inventory)
        ways = twin_ways(chosen.inventory, fabric)
        plan = plan_rounds(fabric, catalogue, names=chosen.only, counter=not chosen.no_counter_tests)
        _somebody(plan)
        return _attack(chosen, catalogue, fabric, plan, ways)
    except (CatalogueError, FabricError, AttackError) as error:
        print(error, file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Interrupted.", file=sys.stderr)
        return 130


def twin_ways(sources: Sequence[str], fabric: Fabric) -> Ways:
    """Return the ways into a twin from its overlay inventory. Raises ``AttackError`` where there is none among ``sources``."""
    variables: dict[str, Any] = {}
    for source in sources:
        for path in sorted(Path(source).glob("*.yml")) if Path(source).is_dir() else [Path(source)]:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            found = content.get("all", {}).get("vars", {}) if isinstance(content, dict) else {}
            if isinstance(found, dict) and "twin_name" in found:
                variables = found
    if not variables:
        raise AttackError(
            f"{', '.join(map(str, sources))}: no overlay of a twin is among these, and attempts with counter-tests run on a twin "
            "only; use 'make attack'"
        )
    personas = variables["twin_personas"]
    return Ways(
        ssh={name: ("-F", variables["twin_ssh_config"], name) for name in fabric.hosts},
        known_hosts=Path(variables["twin_known_hosts"]).read_text(encoding="utf-8"),
        keys={p["name"]: p["key"] for p in personas},
        passwords={p["name"]: p["password"] for p in personas if p["password"]},
        local=frozenset(h.name for h in fabric.members("operator_hosts")),
        sources=tuple(sources),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attack", description="Try every attempt of the bypass catalogue on a twin.")
    parser.add_argument("-i", "--inventory", action="append", required=True, help="inventory source, the twin's overlay last")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these attempts")
    parser.add_argument("--no-counter-tests", action="store_true", help="take no layer away")
    parser.add_argument("--evidence", type=Path, default=ROOT / "evidence", help="where results go (default: %(default)s)")
    parser.add_argument("--transcripts", type=Path, help="also write there what each try said")
    return parser


def _known(catalogue: Catalogue, names: Sequence[str]) -> None:
    unknown = sorted(set(names) - {a.name for a in catalogue.attempts})
    if unknown:
        raise AttackError(f"{', '.join(unknown)}: no such attempt; docs/attacks.md lists them")


def _somebody(plan: Plan) -> None:
    """Refuse to leave attempts out because there is nobody to make them as."""
    nobody = sorted({reason for reason in plan.left_out.values() if reason in NOBODY})
    if nobody:
        raise AttackError(f"{', '.join(nobody)}, so nothing can be tried as one; mark one `probe: true` in the twin's inventory")


def _attack(chosen: argparse.Namespace, catalogue: Catalogue, fabric: Fabric, plan: Plan, ways: Ways) -> int:
    begun = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    driver = Driver(ways, _say)
    try:
        done = attempt(driver, catalogue, plan, chosen.only)
    finally:
        _say(after_line(driver.after))
    if chosen.transcripts:
        _write_transcripts(chosen.transcripts, done.seen)
    data = {"begun": begun, "fabric": fabric.name, "fabric_digest": fabric_digest(fabric), **done.data()}
    path = write_evidence(chosen.evidence / begun, data, "attack.json")
    for line in result_lines(done.rows, plan, done.seconds):
        print(line)
    print(f"Evidence: {path}")
    return 0 if data["holds"] else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def attempt(driver: Driver, catalogue: Catalogue, plan: Plan, names: Sequence[str] = ()) -> Done:
    """Make every trial of a plan and return what came of it. A signal ends it, once hosts have got back what they had."""
    start = time.monotonic()
    seen = asyncio.run(_interruptible(driver, plan))
    rows = judge(catalogue, seen, plan.left_out, names)
    return Done(rows, seen, driver.after, time.monotonic() - start)


async def _interruptible(driver: Driver, plan: Plan) -> list[Seen]:
    """Run a plan; a signal that ends processes lets it first give back what hosts had, and another one does not hurry that."""
    work = asyncio.create_task(driver.run(plan))
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        _say("Interrupted: hosts get back what they had, which takes some seconds.")
        if not work.cancelling():
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt)
    return await work


def _write_transcripts(directory: Path, seen: Sequence[Seen]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for one in seen:
        name = f"{one.trial.stage.attempt.name} {one.trial.stage.family} {one.trial.state}".replace(" ", "-")
        (directory / name).write_text(f"{one.outcome}\n{one.transcript}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
