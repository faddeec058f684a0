"""What touches the machine, as far as it can be tried without root."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from module_utils.fabric.model import Fabric
from twin import cli, preconditions
from twin.accounts import Databases, User, sudoers, with_users
from twin.bootstrap import Tree
from twin.cgroups import mounts
from twin.commands import use
from twin.definitions import bases, layer, repository
from twin.errors import TwinError
from twin.keys import KeyStore
from twin.paths import paths_of
from twin.plan import plan_twin
from twin.record import Record, need_record, read_record, write_record
from twin.shell import run
from twin.tree import Upper

HYBRID = """\
38 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
39 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""


def test_users_are_added_to_the_databases() -> None:
    before = Databases(
        "root:x:0:0::/root:/bin/bash\n", "root:*:1:0:99999:7:::\n", "root:x:0:\nsudo:x:27:first\n", "root:*::\nsudo:*::first\n"
    )
    users = (User("aoki", 2001, "key", administrator=True), User("guest", 1100, "key"))
    after = with_users(before, users)
    assert after.passwd.endswith("aoki:x:2001:2001::/home/aoki:/bin/bash\nguest:x:1100:1100::/home/guest:/bin/bash\n")
    assert after.group.splitlines()[1:] == ["sudo:x:27:first,aoki", "aoki:x:2001:", "guest:x:1100:"]
    assert after.gshadow.splitlines()[1:] == ["sudo:*::first,aoki", "aoki:!::", "guest:!::"]
    assert "guest:*:" in after.shadow
    assert sudoers(users) == "aoki ALL=(ALL:ALL) NOPASSWD: ALL\n"


def test_control_group_trees_are_found_on_both_kinds_of_machine() -> None:
    assert mounts(HYBRID) == [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]
    assert mounts("38 31 0:37 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw") == [Path("/sys/fs/cgroup")]
    assert mounts("38 31 0:37 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu") == []


def test_an_images_key_changes_with_its_definition() -> None:
    twelve = bases()["debian12"]
    keys = {twelve.key, bases()["debian13"].key, layer("switch", twelve).key, layer("foreign", twelve).key, repository().key}
    assert len(keys) == 5
    assert layer("packages", twelve).key != layer("packages", bases()["debian13"]).key


def test_keys_are_made_once(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    pair = store.pair("host-a")
    assert pair == KeyStore(tmp_path / "keys").pair("host-a")
    assert pair.public.startswith("ssh-ed25519 ")
    assert pair.path.stat().st_mode & 0o777 == 0o600
    assert store.password("p") == store.password("p")


def test_a_torso_of_a_key_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "host-a").write_text("cut short")
    assert KeyStore(tmp_path).pair("host-a").private.startswith("-----BEGIN OPENSSH PRIVATE KEY")


def test_files_are_written_over_an_image_with_its_directories_modes(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "etc/secret").mkdir(parents=True)
    (lower / "etc/secret").chmod(0o700)
    (lower / "etc/name").write_text("of the image")
    upper.mkdir()
    tree = Upper(upper, [lower])
    assert tree.read("/etc/name") == "of the image"
    tree.write_tree(Tree(files={"/etc/secret/key": "k", "/etc/name": "own"}, private=frozenset({"/etc/secret/key"})))
    assert (upper / "etc/secret").stat().st_mode & 0o777 == 0o700
    assert (upper / "etc/secret/key").stat().st_mode & 0o777 == 0o600
    assert tree.read("/etc/name") == "own"


def test_a_record_is_read_as_it_was_written(small: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_STATE", str(tmp_path))
    paths = paths_of("t")
    assert read_record(paths) is None
    with pytest.raises(TwinError, match=r"there is no twin named t; build it with: .venv/bin/python -m twin --name t up"):
        need_record(paths)
    paths.state.mkdir()
    record = Record(plan_twin(small), ("inventories/x",), {"debian12": "/a"}, {"login1": ("192.0.2.1",)}, complete=True)
    write_record(paths, record)
    read = need_record(paths)
    assert read.plan == record.plan
    assert json.dumps(read.addresses) == '{"login1": ["192.0.2.1"]}'
    paths.record.write_text("{")
    with pytest.raises(TwinError, match="can't be read"):
        read_record(paths)


def test_a_rehearsal_is_refused_on_a_twin_that_is_not_ready(
    small: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAKEHASHI_STATE", str(tmp_path))
    paths = paths_of("t")
    paths.state.mkdir()
    arguments = cli.parser().parse_args(["run", "--for", "inventories/twin", "--", "true", "--for"])
    assert (arguments.rehearsed, arguments.argv[-2:]) == (["inventories/twin"], ["true", "--for"])
    record = Record(plan_twin(small), ("inventories/x",), {}, {}, complete=False)
    write_record(paths, record)
    with pytest.raises(TwinError, match=r"the twin t is half built; finish with: .venv/bin/python -m twin --name t up"):
        use.run(paths, arguments)
    write_record(paths, replace(record, complete=True))
    with pytest.raises(TwinError, match=r"the twin t lacks .*mdx1.* of inventories/twin; run 'make twin-up TWIN=t "):
        use.run(paths, arguments)


@pytest.mark.parametrize("name", ["", "Upper", "a.b", "x" * 21, "-a", "a/b"])
def test_names_that_could_be_taken_for_others_are_refused(name: str) -> None:
    with pytest.raises(TwinError, match="twin name"):
        paths_of(name)


def test_a_directory_that_overlays_cannot_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_CACHE", "/a:b")
    with pytest.raises(TwinError, match="KAKEHASHI_CACHE=/a:b: overlay mounts allow no"):
        paths_of("t")


def test_without_root_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err.startswith(".venv/bin/python -m twin up needs root")


def test_missing_programs_are_named_by_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        TwinError, match=r"apt install apt-utils gpg gpgconf mmdebstrap openssh-client systemd-container util-linux"
    ):
        preconditions.check_machine(paths_of("t"))


def test_a_failing_program_is_named_with_its_last_words() -> None:
    with pytest.raises(TwinError, match=r"^look: sh ended with 3: gone$"):
        run(["sh", "-c", "echo first >&2; echo gone >&2; exit 3"], purpose="look")


def test_the_name_may_stand_before_and_after_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN", "rehearsal")
    assert cli.parser().parse_args(["status"]).name == "rehearsal"
    assert cli.parser().parse_args(["--name", "a", "status"]).name == "a"
    assert cli.parser().parse_args(["status", "--name", "b"]).name == "b"
    after = cli.parser().parse_args(["run", "--name", "b", "--", "ssh", "--name"])
    assert (after.name, after.argv[-2:]) == ("b", ["ssh", "--name"])
