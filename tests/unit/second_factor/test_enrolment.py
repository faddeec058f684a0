"""Who has which secret, from what login servers keep; and the codes that the tests make."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from module_utils.second_factor.enrolment import (
    EnrolmentError,
    Secret,
    faults,
    from_data,
    not_done,
    outcome,
    read,
    settle,
    to_data,
    uri,
    written,
)
from plugin_utils.second_factor import second_factor_not_done, second_factor_outcome, second_factor_settled
from tests.support.totp import code

RFC_KEY = b"12345678901234567890".hex()
OLD, NEW = Secret("aa" * 20, 100), Secret("bb" * 20, 200)


def never() -> str:
    raise AssertionError


@pytest.mark.parametrize(
    ("at", "expected"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"), (2000000000, "69279037"),
     (20000000000, "65353130")],
)  # fmt: skip
def test_the_codes_are_those_of_rfc_6238(at: int, expected: str) -> None:
    assert code(RFC_KEY, at=at, digits=8) == expected


def test_a_file_is_read_as_written_and_as_pam_oath_leaves_it() -> None:
    text = written("sato", OLD)
    assert text == f"# since 100\nHOTP/T30/6\tsato\t-\t{OLD.key}\n"
    assert read(text, "sato") == OLD
    assert read(text.rstrip("\n") + "\t0\t017621\t2026-11-29T14:20:32L\n", "sato") == OLD
    assert read(text, "kato") == Secret("", 100)
    assert read("HOTP/T30/6\tsato\t-\t00\n", "sato") is None


def test_the_newest_wins_whoever_was_away() -> None:
    settled = settle([{"sato": OLD}, {"sato": NEW}, {}], ["sato", "kato"], never, 300)
    assert settled.secrets == {"sato": NEW}
    assert (settled.made, settled.missing) == ((), ("kato",))


def test_what_was_withdrawn_does_not_come_back() -> None:
    gone = settle([{"sato": NEW}], ["sato"], never, 300, withdraw=["sato"])
    assert gone.secrets == {"sato": Secret("", 300)}
    assert gone.missing == ("sato",)
    assert settle([gone.secrets, {"sato": NEW}], ["sato"], never, 400).secrets == gone.secrets


def test_a_new_secret_is_the_newer_one_even_where_a_clock_was_ahead() -> None:
    ahead = Secret("cc" * 20, 9000)
    settled = settle([{"sato": ahead}], ["sato"], lambda: "dd" * 20, 300, enrol=["sato"])
    assert settled.secrets == {"sato": Secret("dd" * 20, 9001)}
    assert settled.made == ("sato",)
    assert settled.missing == ()


def test_who_is_declared_no_more_is_let_go() -> None:
    assert settle([{"sato": OLD, "kato": NEW}], ["sato"], never, 300).secrets == {"sato": OLD}


def test_faults_are_told_by_name() -> None:
    assert faults(["sato"], ["sato"], []) == []
    assert "asks kato, tanaka for no code" in faults(["sato"], ["kato"], ["tanaka"])[0]
    assert "enrolled and withdrawn at once" in faults(["sato"], ["sato"], ["sato"])[0]
    with pytest.raises(EnrolmentError):
        settle([], ["sato"], never, 1, enrol=["kato"])


def test_an_app_gets_the_same_secret() -> None:
    found = urlparse(uri("sato", "Data platform", OLD))
    query = {key: values[0] for key, values in parse_qs(found.query).items()}
    assert (found.scheme, found.netloc, found.path) == ("otpauth", "totp", "/Data%20platform:sato")
    assert base64.b32decode(query.pop("secret")).hex() == OLD.key
    assert query == {"issuer": "Data platform", "algorithm": "SHA1", "digits": "6", "period": "30"}


def test_a_secret_does_not_show_itself() -> None:
    assert OLD.key not in repr(OLD)
    with pytest.raises(EnrolmentError) as caught:
        from_data({"sato": {"key": "not hex, and yet a secret", "since": 1}})
    assert "yet a secret" not in str(caught.value)
    assert from_data(to_data({"sato": OLD, "kato": Secret("", 3)})) == {"sato": OLD, "kato": Secret("", 3)}


@pytest.mark.parametrize("item", ["x", None, 3, ["aa" * 20], {}, {"key": "aa" * 20}, {"key": None, "since": 1}])
def test_what_is_no_secret_is_said_in_a_sentence(item: object) -> None:
    with pytest.raises(EnrolmentError, match=r"the secret of sato is none: give `key` in hex"):
        from_data({"sato": item})


DONE = {"changed": False, "failed": False, "steps": []}


def test_each_login_server_counts_that_does_not_say_it_is_done() -> None:
    results: dict[str, dict[str, Any]] = {
        "login1": DONE,
        "login2": {"unreachable": True, "msg": "Failed to connect"},
        "login3": {"failed": True, "msg": "/var: No space left on device; mend that, then run again.\nmore"},
        "login4": {"failed": False, "msg": "failed_when hides that it failed."},
        "login5": {"secrets": {}},
    }
    assert not_done([*results, "login6"], results) == {
        "login2": "it can't be reached",
        "login3": "/var: No space left on device; mend that, then run again",
        "login4": "failed_when hides that it failed",
        "login5": "this run left it out",
        "login6": "this run left it out",
    }
    assert not_done(["login1"], results) == {}


def test_a_login_server_that_was_off_from_the_beginning_is_told_as_such() -> None:
    facts = {"login1": {"__second_factor_done": DONE}, "login2": {"__second_factor_kept": {"unreachable": True}}, "login3": {}}
    assert second_factor_not_done(list(facts), facts) == {"login2": "it can't be reached", "login3": "this run left it out"}


def test_what_became_of_a_run_is_said_for_all_login_servers() -> None:
    settled = {"uris": {}, "withdrawn": ["sato"], "missing": ["sato"]}
    everywhere = "Enrolled: nobody. Withdrawn: sato. Without a second factor, so they can't log in: sato."
    assert second_factor_outcome({}, settled) == everywhere
    assert outcome({}, ["sato"], [], [], tried=True).startswith("Would be enrolled: sato. ")
    assert second_factor_outcome({"login2": "it can't be reached", "login3": "this run left it out"}, settled) == (
        "Not done on login2 and login3 (login2: it can't be reached; login3: this run left it out): codes that opened it before "
        "this run open it still, and new ones don't. Mend that, then run playbooks/second_factor.yml again, without --limit, "
        f"-e enrol and -e withdraw, for login2 and login3 to keep what was settled now. Elsewhere: {everywhere}"
    )


def test_names_come_as_a_list_or_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: Iterator[str] = iter(["ab" * 20, "cd" * 20])
    monkeypatch.setattr("secrets.token_hex", lambda _bytes: next(keys))
    settled = second_factor_settled([{"secrets": {}}, {"msg": "no answer"}], ["sato", "kato"], "twin", enrol="sato, kato")
    assert sorted(settled["uris"]) == ["kato", "sato"]
    assert settled["secrets"]["sato"]["key"] != settled["secrets"]["kato"]["key"]
    assert settled["missing"] == []
