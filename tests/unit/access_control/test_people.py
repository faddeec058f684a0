from __future__ import annotations

import base64

import pytest

from module_utils.access_control.people import NOBODY, Person, allow_list, parse_people, personas

BLOB = base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519" + b"\x00\x00\x00\x20" + bytes(32)).decode()
KEY = f"ssh-ed25519 {BLOB} someone"


def test_people_are_taken_as_they_are_declared() -> None:
    people, problems = parse_people(
        [
            {"name": "aoki", "kind": "operator", "sources": ["192.0.2.70", "2001:db8::10"], "keys": [KEY]},
            {"name": "sato", "sources": ["192.0.2.0/24"], "keys": None, "onward": True},
        ]
    )
    assert problems == []
    assert people == [
        Person("aoki", ("192.0.2.70", "2001:db8::10"), (KEY,), operator=True),
        Person("sato", ("192.0.2.0/24",)),
    ]
    assert allow_list(people) == ["aoki@192.0.2.70", "aoki@2001:db8::10", "sato@192.0.2.0/24"]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"name": "*"}, "is not a user name"),
        ({"name": "sato@192.0.2.1"}, "is not a user name"),
        ({"name": "!sato"}, "is not a user name"),
        ({"name": "sato", "sources": ["login1"]}, "names are not allowed"),
        ({"name": "sato", "sources": ["10.0.0.300"]}, "neither an address"),
        ({"name": "sato", "sources": ["10.0.0.5/8"]}, "host bits"),
        ({"name": "sato", "sources": ["0.0.0.0/0"]}, "nearly everybody"),
        ({"name": "sato", "sources": ["::/0"]}, "nearly everybody"),
        ({"name": "sato", "sources": ["2001:DB8::1"]}, "write 2001:DB8::1 as 2001:db8::1"),
        ({"name": "sato", "keys": ['command="sh" ssh-ed25519 AAAA']}, "does not begin with a key type"),
    ],
)
def test_what_can_not_be_right_is_named(item: dict[str, object], words: str) -> None:
    _, problems = parse_people([item])
    assert len(problems) == 1
    assert words in problems[0]


def test_nobody_is_declared_twice() -> None:
    _, problems = parse_people([{"name": "sato"}, {"name": "sato"}])
    assert problems == ["sato is declared twice: join both entries"]


def test_personas_try_what_must_be_admitted_and_what_must_not() -> None:
    people = [Person("aoki", ("192.0.2.70",), operator=True), Person("sato", ("192.0.2.71",))]
    tried = [(p.user, p.address, p.admitted) for p in personas(people)]
    assert ("aoki", "192.0.2.70", True) in tried
    assert ("sato", "192.0.2.71", True) in tried
    assert ("root", "192.0.2.70", False) in tried
    assert (NOBODY, "192.0.2.70", False) in tried
    assert sum(1 for user, _, admitted in tried if user == "sato" and not admitted) == 2


def test_without_operators_root_is_tried_from_everywhere() -> None:
    tried = [(p.user, p.address) for p in personas([Person("sato", ("192.0.2.71",))])]
    assert ("root", "192.0.2.71") in tried
