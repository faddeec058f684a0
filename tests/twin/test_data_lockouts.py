"""Mistakes in a data server's own sshd, which operators don't notice: the run that made them finds and undoes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest

from module_utils.matrix.change_proofs import change_proofs
from plugin_utils.inventory import load_fabric
from tests.twin.changing import Run, Runs, in_order, state
from tests.twin.lockouts import WITHOUT_DATA, NoData
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
PROVING = "Prove the way in"
BY_LOGIN = "Read data as an ordinary account, from a node"
BY_KEY = "Show an account's public key from where it may come"
BY_THE_HOST = "Ask the host itself"
KEY = "/run/data-key"
OPEN = "nft insert rule inet kakehashi input tcp dport 2022 accept"
# Each run tries one; the others are for `make soak`.
MISTAKES = [WITHOUT_DATA[0], *(pytest.param(mistake, marks=pytest.mark.slow) for mistake in WITHOUT_DATA[1:])]
numbers = count(11)


@pytest.fixture(scope="module")
def runs(converged: Validated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs on the twin, whose data server is converged again afterwards. For the test alone the account's key is on the node."""
    private = converged("exec", "login1", "--", "cat", "/etc/kakehashi/onward/sato/id_ed25519")
    converged("exec", "mdx1", "--", "sh", "-c", f"umask 077; cat >{KEY}", text=private)
    try:
        yield Runs(converged, tmp_path_factory.mktemp("runs"))
    finally:
        converged.attempt("exec", "mdx1", "--", "rm", "-f", KEY)
        again = converged.playbook("site", "--limit", "data1")  # no other host was changed
        assert again.returncode == 0, again.stdout + again.stderr


def reads_data(twin: Validated) -> bool:
    """Return whether an account gets a listing of its data, from a node."""
    options = ("-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oConnectTimeout=6")
    words = ("sftp", "-b", "-", "-i", KEY, *options, "-P", "2022", "sato@192.0.2.72")
    return twin.attempt("exec", "mdx1", "--", *words, text="ls -la\n").returncode == 0


def only_data(**values: object) -> tuple[str, ...]:
    """Arguments by which the role data_server alone changes, harmlessly."""
    return ("--limit", "data1", "-e", json.dumps({"data_server_max_sessions": next(numbers), **values}))


def with_a_mistake(runs: Runs, script: str, **values: object) -> str:
    """Return what a run printed in which somebody makes a mistake before the proof; nothing of it stays."""
    before = state(runs.twin, "data1")
    assert reads_data(runs.twin)
    run = runs.site(*only_data(**values), hold_at=PROVING)
    run.held()
    runs.twin("exec", "data1", "--", "sh", "-e", "-c", script)
    shut_out = not reads_data(runs.twin)
    run.go()
    printed = in_words(run)
    assert shut_out is (script != OPEN), "a mistake that shuts nobody out shows nothing"
    assert "things were put back as they were before this run" in printed, printed
    assert sorted(set(before) ^ set(state(runs.twin, "data1"))) == []
    assert reads_data(runs.twin)
    return printed


def done(printed: str, task: str, what: str) -> bool:
    """Return whether a task was done, and not skipped, for an item or a host."""
    shown = printed.partition(f"TASK [{task}]")[2].partition("TASK [")[0]
    return any(line.startswith("ok: ") and what in line for line in shown.splitlines())


def in_words(run: Run) -> str:
    return " ".join(run.end().split())


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_change_that_shuts_accounts_out_of_data_is_undone(runs: Runs, mistake: NoData) -> None:
    printed = with_a_mistake(runs, mistake.script)
    assert "an account that may read data here did not get to it: sato at 192.0.2.72: " in printed, printed
    assert mistake.words in printed, printed
    assert "(task Undo what shuts accounts out of data)" in printed


def test_a_data_port_that_answers_a_forbidden_origin_is_undone(runs: Runs) -> None:
    printed = with_a_mistake(runs, OPEN)
    assert "(task Knock from where nobody may come)" in printed, printed


def test_a_right_change_of_the_data_server_alone_is_proved_and_kept(runs: Runs) -> None:
    # What the account itself tells its ssh decides nothing.
    own = "/home/sato/.ssh/config"
    runs.twin("exec", "login1", "--", "sh", "-c", f"install -d -o sato /home/sato/.ssh && echo 'ProxyCommand /bin/false' >{own}")
    try:
        run = runs.site(*only_data())
        printed = in_order(run)
    finally:
        runs.twin("exec", "login1", "--", "rm", "-f", own)
    assert done(printed, BY_LOGIN, "sato from mdx1, by way of login1")
    assert not done(printed, BY_KEY, "sato from mdx1")
    assert "was not tried" not in printed
    assert reads_data(runs.twin)


@pytest.fixture(scope="module")
def nobody_marked(runs: Runs) -> dict[str, object]:
    """What a run tries where no account is marked `probe` that could log in to a node."""
    proofs = change_proofs(load_fabric(*runs.twin.inventories, runs.twin.state / "overlay"))
    proofs["data1"]["data_logins"] = []
    return {"change_proofs": proofs}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "task"),
    [(WITHOUT_DATA[1], "Undo what shuts accounts out of data"), (WITHOUT_DATA[3], BY_THE_HOST)],
    ids=lambda case: getattr(case, "name", ""),
)
def test_without_an_account_that_could_log_in_a_key_is_shown_and_the_host_is_asked(
    runs: Runs, nobody_marked: dict[str, object], mistake: NoData, task: str
) -> None:
    assert f"(task {task})" in with_a_mistake(runs, mistake.script, **nobody_marked)


@pytest.mark.slow
def test_by_key_and_the_hosts_word_a_right_change_is_kept(runs: Runs, nobody_marked: dict[str, object]) -> None:
    run = runs.site(*only_data(**nobody_marked))
    printed = in_order(run)
    assert done(printed, BY_KEY, "sato from mdx1")
    assert done(printed, BY_THE_HOST, "data1")
    assert "was not tried" not in printed
