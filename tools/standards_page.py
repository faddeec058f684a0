"""The page docs/standards.md, from the map of standards."""

from __future__ import annotations

from pathlib import Path

from module_utils.standards.markdown import page
from plugin_utils.standards import load_map

PAGE = Path(__file__).resolve().parents[1] / "docs" / "standards.md"
_HEAD = """<!-- Made by `make docs` from standards/*.yml; edit these instead. -->

# What is enforced and tried, by standards

Which statements of standards this repository serves, by what, and what it leaves to others. It is for who has to show that a
platform is safe, and for who wants to know what is still theirs to do.

    make standards                             # with the newest results of runs, of inventories/twin
    make INVENTORY=inventories/mine standards

prints the table with the last result of each statement and each control, and writes it to `build/standards/NAME/`, as
`standards.json` and `standards.md`, for their owner only. It asks no host: it reads what `make validate`, `make attack`,
`make judges`, `make proof` and `playbooks/audit.yml` have left in `evidence/` for the same fabric. `playbooks/validate.yml`
writes both files, too, and ends with a line on them; where `validate_evidence` names another directory, below that.

| Coverage | Means |
|---|---|
| enforced | on managed hosts it is as the statement asks, and something would fail if it weren't |
| partly | a part of it is; *limits* says which isn't |
| not here | not served by this repository; the table says who answers for it |

| Result | Means |
|---|---|
| ok | every run that tries it ended well; the date is the oldest of them |
| failed | the newest run of one kind found something; the date and the file are that run's |
| in part | nothing was found wrong, but not all of it was tried |
| old | nothing was found wrong, but that was more than 30 days ago (`--days`) |
| not run | there is no evidence of this fabric |
| tests only | no run on your machines tries it; tests of this repository do (`make test`, the longest `make soak`) |

A result is that of the day it was made, of the inventory as it was then. Attempts of the bypass catalogue run on a twin only, so
theirs are of a rehearsal. Serving a statement is not certification: SATRE has none, and what the Japanese guidelines ask of an
institution goes far beyond a network.

The map is data, and a test fails where a role, a test, an attempt or a kind of finding that it names is no longer there.
Why it is built this way: [0081](decisions/0081-standards.md).
"""


def standards_page() -> str:
    """Return the page, without results of runs."""
    return "\n".join((_HEAD, *page(load_map(), root="../")))


def main() -> int:
    """Write the page."""
    PAGE.write_text(standards_page(), encoding="utf-8")
    print(f"docs/{PAGE.name} written.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
