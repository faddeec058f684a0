"""Puts the checks of a staged configuration together: every problem, each a sentence, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .deployer import Deployer, shut_out
from .pam_files import needed_modules, parse_rules, rule_admits, rule_problems
from .people import Person, Persona, allow_list, personas
from .sshd_settings import Effective, admits, list_problems, setting_problems

Ask = Callable[[str, str], Effective]  # what is in force for (user, address)


@dataclass(frozen=True)
class Staged:
    """What is about to be put in place, and what is meant by it.

    ``settings`` hold for every persona; ``operator_settings`` are laid over them for operators, ``account_settings``
    for accounts, ``user_settings`` for single users.
    """

    people: Sequence[Person]
    access_rules: str
    pam_stack: str
    settings: Mapping[str, str]
    operator_settings: Mapping[str, str] = field(default_factory=dict)
    account_settings: Mapping[str, str] = field(default_factory=dict)
    user_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pam_modules: frozenset[str] = frozenset()
    deployer: Deployer | None = None


def problems_of(staged: Staged, ask: Ask) -> tuple[list[str], int]:
    """Return every problem of ``staged`` and the number of personas tried. ``ask`` gives sshd's own answer."""
    rules, problems = parse_rules(staged.access_rules)
    problems += rule_problems(rules, {p.name: p.sources for p in staged.people if p.sources})
    missing = [m for m in needed_modules(staged.pam_stack) if m not in staged.pam_modules]
    problems += [f"PAM module {m} is not installed, so PAM would refuse everybody: install it first" for m in missing]
    tried = list(personas(staged.people))
    for persona in tried:
        problems += _persona_problems(staged, persona, ask(persona.user, persona.address), rules)
    if staged.deployer is not None:
        found = ask(staged.deployer.user, staged.deployer.source)
        problems += shut_out(staged.deployer, staged.people, found, rules)
    return list(dict.fromkeys(problems)), len(tried)


def _persona_problems(staged: Staged, persona: Persona, found: Effective, rules: Mapping[str, Sequence[str]]) -> list[str]:
    meant = {**staged.settings, **(staged.operator_settings if persona.operator else {})}
    meant |= staged.account_settings if persona.account else {}
    meant |= staged.user_settings.get(persona.user, {})
    who = f"{persona.user} from {persona.address}"
    problems = [f"sshd, for {persona.user}: {text}" for text in setting_problems(meant, found)]
    problems += [f"sshd: {text}" for text in list_problems(allow_list(staged.people), found)]
    for layer, admitted in (
        ("sshd", admits(found, persona.user, persona.address)),
        ("PAM", rule_admits(rules, persona.user, persona.address)),
    ):
        if admitted != persona.admitted:
            problems.append(f"{layer} {'admits' if admitted else 'refuses'} {who}, meant is the opposite")
    return problems
