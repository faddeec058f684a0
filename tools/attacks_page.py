"""The page docs/attacks.md, from the bypass catalogue."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from module_utils.attacks.codes import meaning
from module_utils.attacks.model import Attempt, Catalogue
from plugin_utils.attacks import load_catalogue

PAGE = Path(__file__).resolve().parents[1] / "docs" / "attacks.md"
_HEAD = """<!-- Made by `make docs` from attacks/*.yml; edit these instead. -->

# The bypass catalogue

What somebody might try to get past the rules, each tried for real by `make attack` on a twin. An attempt is data: an entry of a
file under `attacks/`, with where it is from (*idea*), what is done, how it is refused, and the layers that refuse it.

The tables below say what the catalogue expects; a run is the judge of it.

    make attack                      # all of it, on the twin that `make twin-up site` has made
    make attack ONLY="jump mptcp-join"

**Refused, and by what.** Each attempt is first made on the hosts as they were built: it must be refused, in the way the catalogue
says. Another way is a difference, too: a test that is refused because the network is down proves nothing.

**Counter-tests.** Then the layers that refuse it are taken away, all of them: now the same attempt must succeed, and only a
nonce that came back proves that. Then each of these layers alone is put back, and must refuse it again. An attempt with one layer
rests on that one. What ends sessions and processes of somebody who may not come any more is no rule that stands but a task
of the run that brings the rule: there the layer is that task, carried out by the module that the playbook uses.

**Safe to interrupt.** Before a host is changed it keeps /etc and its ruleset, and a timer that puts them back five minutes after
the run has gone silent. After each round the host has exactly what it had: files with owner, mode and time, and the ruleset.
At its end the run, also one that was interrupted, reads all hosts that it changed once more, compares with what it had noted
itself before, and says so. Runs only on a twin.

**In validation.** `playbooks/validate.yml` makes attempts, too, as hosts are and without counter-tests
([matrix.md](matrix.md#the-bypass-catalogue)): on a twin by default the *sample*; on machines in service none, or of those that
are *harmless*, which change nothing anywhere, refused or not.

The last result is in `evidence/<time>/attack.json`. Why it is built this way: [0063](decisions/0063-bypass-catalogue.md).
"""


def attacks_page(catalogue: Catalogue | None = None) -> str:
    """Return the page, of the catalogue that is there unless another is given."""
    return "\n".join(_parts(catalogue or load_catalogue()))


def _parts(catalogue: Catalogue) -> Iterator[str]:
    opened = [a for a in catalogue.attempts if a.open and not a.waits_for]
    waiting = [a for a in catalogue.attempts if a.waits_for]
    single = [a for a in catalogue.attempts if len(a.layers) == 1]
    yield _HEAD
    yield (
        f"{len(catalogue.attempts)} attempts: {len(catalogue.attempts) - len(opened) - len(waiting)} refused "
        f"({len(single)} of them by one layer), {len(opened)} open, {len(waiting)} waiting for what is not built yet.\n"
    )
    yield f"Sample: {_names(a for a in catalogue.attempts if a.sample)}.\n"
    yield f"Harmless, with the sample: {_names(a for a in catalogue.attempts if a.harmless and not a.sample)}.\n"
    for group in dict.fromkeys(a.group for a in catalogue.attempts):
        yield f"## {group.replace('_', ' ').capitalize()}\n"
        yield "| attempt | from, to | what is done | idea | refused | by |\n|---|---|---|---|---|---|"
        yield from (_row(a) for a in catalogue.attempts if a.group == group and not a.open)
        yield ""
    yield "## Open\n\nThese succeed today, and don't count as refused. They are tried all the same: the list stays true.\n"
    yield "| attempt | from, to | what is done | waits for | why |\n|---|---|---|---|---|"
    for a in (*opened, *waiting):
        yield f"| `{a.name}` | {_where(a)} | {_cell(a.what)} | {a.waits_for} | {_cell(a.open)} |"
    yield "\n## Layers\n\n| layer | what | where | refuses with |\n|---|---|---|---|"
    for layer in catalogue.layers.values():
        yield f"| `{layer.name}` | {_cell(layer.what)} | {layer.at} | {', '.join(meaning(c) for c in layer.refusals)} |"
    yield ""


def _names(attempts: Iterable[Attempt]) -> str:
    return textwrap.fill(", ".join(f"`{a.name}`" for a in attempts), 140, break_on_hyphens=False)


def _row(a: Attempt) -> str:
    layers = ", ".join(f"`{name}`" for name in a.layers)
    return f"| `{a.name}` | {_where(a)} | {_cell(a.what)} | {_cell(a.idea)} | {meaning(a.code)} | {layers} |"


def _where(a: Attempt) -> str:
    beyond = f", and on to {a.beyond}" if a.beyond else ""
    hop = f" by a login at {a.hop}" if a.hop else ""
    through = f" through {a.via}" if a.via else ""
    return f"{a.origin} to {a.target}{hop}{through}{beyond}".replace("_", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page."""
    PAGE.write_text(attacks_page(), encoding="utf-8")
    print(f"docs/{PAGE.name} written.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
