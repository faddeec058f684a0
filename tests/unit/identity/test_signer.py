"""What a signer signs, and what it refuses: with a real ssh-keygen where it signs."""

from __future__ import annotations

import json
import os
import subprocess
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from module_utils.identity import signer
from module_utils.identity.signer import RefusedError, decide, parse_request, sign
from plugin_utils.render import stand_in

KEY = stand_in("sato")
POLICY: dict[str, Any] = {
    "minutes": 10,
    "clients": [
        {"name": "login1", "asks_from": ["192.0.2.200"], "accounts": ["sato"], "sources": ["192.0.2.70", "2001:db8::10"]},
        {"name": "login2", "asks_from": ["192.0.2.201"], "accounts": ["sato", "kato"], "sources": []},
    ],
}


def request(account: object = "sato", key: object = KEY) -> str:
    return json.dumps({"account": account, "key": key})


def test_what_the_policy_allows_is_ordered() -> None:
    order = decide(POLICY, "login1", "192.0.2.200", parse_request(request()))
    assert (order.identity, order.principal, order.seconds) == ("sato@login1", "sato", 600)
    assert order.sources == ("192.0.2.70", "2001:db8::10")


@pytest.mark.parametrize(
    ("client", "origin", "account", "why"),
    [
        ("login3", "192.0.2.200", "sato", "'login3' is no login server of the policy"),
        ("", "192.0.2.200", "sato", "'' is no login server of the policy"),
        ("login1", "192.0.2.201", "sato", "login1 does not ask from 192.0.2.201"),
        ("login1", "", "sato", "login1 does not ask from nowhere"),
        ("login1", "192.0.2.200", "kato", "login1 has no account kato"),
        ("login1", "192.0.2.200", "root", "login1 has no account root"),
        ("login2", "192.0.2.201", "kato", "nobody goes on from login2"),
    ],
)
def test_all_else_is_refused(client: str, origin: str, account: str, why: str) -> None:
    with pytest.raises(RefusedError, match=f"^{why}$"):
        decide(POLICY, client, origin, parse_request(request(account)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        request("sato,root"),
        request("-V"),
        request(7),
        request(key=7),
        request(key="ssh-rsa " + KEY.split()[1]),
        request(key=KEY + "\nssh-ed25519 AAAA"),
        request(key="ssh-ed25519 AAAA"),
        request(key="cert-authority " + KEY),
        request()[:50],
    ],
)
def test_strange_requests_are_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_request(text)


def test_a_certificate_says_what_was_ordered(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ca"], check=True)
    order = decide(POLICY, "login1", "192.0.2.200", parse_request(request()))
    line, serial = sign(order, str(tmp_path / "ca"))
    (tmp_path / "cert.pub").write_text(line)
    told = subprocess.run(["ssh-keygen", "-Lf", tmp_path / "cert.pub"], check=True, capture_output=True, text=True).stdout
    assert 'Key ID: "sato@login1"' in told
    assert f"Serial: {serial}" in told
    assert "source-address 192.0.2.70,2001:db8::10" in told
    principals, _, options = told.partition("Principals:")[2].partition("Critical Options:")
    assert principals.split() == ["sato"]
    assert options.partition("Extensions:")[2].split() == ["permit-pty"]


def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    order = decide(POLICY, "login1", "192.0.2.200", parse_request(request()))
    with pytest.raises(RefusedError, match="ssh-keygen did not sign"):
        sign(order, str(tmp_path / "none"))


def test_who_asks_nothing_is_sent_away(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "_PATIENCE", 1)
    reads, writes = os.pipe()
    with open(reads) as silent, open(writes, "wb") as _held:  # noqa: PTH123 - descriptors
        monkeypatch.setattr("sys.stdin", silent)
        assert signer.main(["-c", "login1"]) == 1
    assert capsys.readouterr().err == "refused: the request did not come to its end within 1 seconds\n"


def test_a_shell_is_not_to_be_had(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO()))
    for arguments in ([], ["-l"], ["-c", "id"], ["-c", "login1", "id"]):
        assert signer.main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("refused: ") == 4
