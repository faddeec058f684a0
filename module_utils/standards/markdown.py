"""The map as Markdown: with the results of runs, or without any, for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import words
from .model import Control, Item, Standard, StandardsMap
from .results import Result, Results, counts


def page(standards: StandardsMap, results: Results | None = None, root: str = "") -> Iterator[str]:
    """Yield the lines of all tables. ``root`` leads from the page to the repository, for links to tests and roles."""
    yield from _counted(standards, results)
    for standard in standards.standards:
        yield from _standard(standard, results)
    yield from _controls(standards, results, root)
    yield from ("## Who answers", "", "Who answers for what is not here.", "")
    yield from (*_table(("name", "who"), list(standards.responsible.items())), "")


def _counted(standards: StandardsMap, results: Results | None) -> Iterator[str]:
    rows = []
    for standard in standards.standards:
        alone = counts(StandardsMap(standards.controls, standards.responsible, (standard,)), None)
        rows.append((standard.name, *(str(alone[name]) for name in words.COVERAGE), str(sum(alone.values()))))
    yield from (*_table(("standard", *words.COVERAGE.values(), "listed"), rows), "")
    if results is not None:
        found = counts(standards, results)
        ended = [name for name in ("ok", "failed", "in part", "not run", words.TESTS_ONLY) if found[name]]
        yield from (f"Of those enforced or partly so: {', '.join(f'{found[name]} {name}' for name in ended)}.", "")


def _standard(standard: Standard, results: Results | None) -> Iterator[str]:
    yield from (f"## {standard.name}", "")
    yield f"{standard.title}, version {standard.version}. Source: {standard.source}, <{standard.url}>."
    yield f"Licence: {standard.licence}."
    yield ""
    if standard.left_out:
        yield from (f"**Not listed.** {standard.left_out}", "")
    if standard.numberings:
        yield from (f"**Numbers.** {'; '.join(f'*{name}*: {what}' for name, what in standard.numberings.items())}.", "")
    groups = dict.fromkeys(item.group for item in standard.items)
    for group in groups:
        yield from (f"### {group}", "", *_group([i for i in standard.items if i.group == group], results), "")


def _group(items: Sequence[Item], results: Results | None) -> Iterator[str]:
    """Yield what is covered as a table; what is not here as one of its own, which has no controls and no results."""
    covered = [item for item in items if item.coverage != "not_here"]
    absent = [item for item in items if item.coverage == "not_here"]
    ended = ("last result",) if results is not None else ()
    rows = [
        (
            _number(item),
            _what(item),
            words.COVERAGE[item.coverage],
            ", ".join(f"[{name}](#{name})" for name in item.controls),
            *((_result(results.of_item(item)),) if results is not None else ()),
            item.why,
        )
        for item in covered
    ]
    yield from _table(("number", "statement", "coverage", "by", *ended, "limits"), rows)
    if covered and absent:
        yield ""
    rows = [(_number(item), _what(item), f"[{item.who}](#who-answers)", item.why) for item in absent]
    yield from _table(("number", "not here", "who answers", "why"), rows)


def _controls(standards: StandardsMap, results: Results | None, root: str) -> Iterator[str]:
    yield from ("## Controls", "", "What is enforced, where, and what tries it.", "")
    for control in standards.controls.values():
        yield from (f"### {control.name}", "", " ".join(control.what.split()), "")
        roles = ", ".join(f"[{role}]({root}roles/{role})" for role in control.roles)
        yield f"- Roles: {roles or 'none'}"
        yield from _trials(control, results)
        yield from (f"- Test: [`{test}`]({root}{test.partition('::')[0]})" for test in control.tests)
        yield ""


def _trials(control: Control, results: Results | None) -> Iterator[str]:
    if not control.trials:
        yield f"- Runs: {words.TESTS_ONLY}"
    for at, trial in enumerate(control.trials):
        of = f": {', '.join(f'`{name}`' for name in trial.of)}" if trial.of else ""
        ended = f" — {_result(results.trials[control.name][at])}" if results is not None else ""
        yield f"- Run: {trial.run}{of}{ended}"


def _result(result: Result | None) -> str:
    if result is None or result.state == "not run":
        return words.state(result)
    said = f" ({result.words})" if result.words else ""
    return f"{result.state}{said}, {words.day(result.begun)}, `{result.file}`"


def _number(item: Item) -> str:
    return f"{item.id} *({item.numbering})*" if item.numbering else item.id


def _what(item: Item) -> str:
    level = item.level.replace("*", "\\*")
    level = f" ({level})" if level else ""
    return f"{item.term}: {item.what}{level}" if item.term else f"{item.what}{level}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield f"| {' | '.join(headings)} |"
        yield f"|{'---|' * len(headings)}"
        yield from (f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
