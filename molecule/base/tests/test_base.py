from __future__ import annotations

from testinfra.host import Host


def shadow(host: Host, user: str) -> list[str]:
    return str(host.check_output("getent shadow %s", user)).split(":")


def test_operators_are_there_with_roots_rights_and_no_password(host: Host) -> None:
    for name, uid in (("aoki", 2001), ("ueda", 2002), ("breakglass", 2003)):
        assert (host.user(name).uid, host.user(name).shell, host.user(name).gecos) == (uid, "/bin/bash", "")
        assert shadow(host, name)[1] == "*"
        assert "(ALL : ALL) NOPASSWD: ALL" in host.check_output("sudo -l -U %s", name)


def test_accounts_are_there_without_roots_rights(host: Host) -> None:
    for name, uid in (("sato", 3001), ("suzuki", 3002)):
        assert host.user(name).uid == uid
        assert "is not allowed to run sudo" in host.check_output("sudo -l -U %s", name)


def test_who_has_no_account_here_is_not_here_and_runs_nothing(host: Host) -> None:
    for name, uid in (("tanaka", 3003), ("kato", 3004)):
        assert not host.user(name).exists
        assert host.check_output("find /proc -maxdepth 1 -name '[0-9]*' -uid %s", str(uid)) == ""


def test_only_the_declared_have_roots_rights(host: Host) -> None:
    assert host.file("/etc/sudoers.d").listdir() == ["kakehashi"]
    assert host.file("/etc/sudoers.d/kakehashi").mode == 0o440
    assert set(host.group("sudo").members) <= {"aoki", "ueda", "breakglass"}
    assert host.run("visudo -c -q").rc == 0


def test_the_images_user_is_locked_by_every_means(host: Host) -> None:
    fields = shadow(host, "mdxuser")
    assert fields[1].startswith("!")
    assert fields[7] == "1"
    assert host.user("mdxuser").shell == "/usr/sbin/nologin"
    assert host.user("mdxuser").groups == ["mdxuser"]
    assert not host.file("/home/mdxuser/.ssh/authorized_keys").exists


def test_names_are_the_declared_ones(host: Host) -> None:
    assert host.check_output("hostname") == "mdx2"
    assert host.check_output("cat /etc/hostname") == "mdx2"
    assert host.addr("infra1").ipv4_addresses == ["192.0.2.75"]
    assert "packages.twin.example" in host.file("/etc/hosts").content_string
    assert "192.0.2.99" not in host.file("/etc/hosts").content_string


def test_declared_packages_are_installed(host: Host) -> None:
    assert host.package("acl").is_installed
    assert host.run("getfacl --version").rc == 0


def test_the_journal_is_kept_on_disk(host: Host) -> None:
    assert host.file("/etc/systemd/journald.conf.d/kakehashi.conf").contains("Storage=persistent")
    assert host.run("ls /var/log/journal/*/system.journal").rc == 0
    assert host.service("systemd-journald").is_running


def test_the_journal_was_started_after_its_settings_were_written(host: Host) -> None:
    started = 'date +%s --date="$(systemctl show systemd-journald.service --property=ActiveEnterTimestamp --value)"'
    written = "stat --format=%Z /etc/systemd/journald.conf.d/kakehashi.conf"
    assert int(host.check_output(started)) >= int(host.check_output(written))
