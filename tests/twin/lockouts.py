"""Mistakes that lock everybody out of a host, in rounds: one for each host and round; and some that shut accounts out of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """What somebody does as root on ``host``. ``prepare`` runs before the change is armed; ``power_cut``: it restarts then."""

    name: str
    host: str
    script: str
    prepare: str = ""
    power_cut: bool = False
    clock: int = 0  # seconds by which the wall clock is wrong for what arms the change


TEN_YEARS = 10 * 365 * 86400
# A small file system over /etc with the same files, so that it can really be full.
SMALL_ETC = """
mount -t tmpfs -o mode=755,size=$(($(du -sk /etc | cut -f1) + 8192))k tmpfs /mnt
cp -a /etc/. /mnt && mount --bind /mnt /etc && umount /mnt
"""
ROUNDS: tuple[tuple[Mistake, ...], ...] = (
    (
        Mistake("packet filter drops port 22", "mdx1", "nft insert rule inet kakehashi input tcp dport 22 drop"),
        Mistake("sshd stopped, its configuration broken", "mdx2", "echo Broken >>/etc/ssh/sshd_config; systemctl stop ssh"),
        Mistake(
            "PAM denies all, access.conf gone",
            "infra1",
            "sed -i '1i account required pam_deny.so' /etc/pam.d/sshd; rm /etc/security/access.conf",
            clock=TEN_YEARS,
        ),
        Mistake(
            "wrong address",
            "data1",
            "sed -i s/192.0.2.72/192.0.2.99/ /etc/systemd/network/*kakehashi*; networkctl reload; networkctl reconfigure hpc0",
            clock=-TEN_YEARS,
        ),
        Mistake("AllowUsers appended", "login1", "echo 'AllowUsers nobody' >>/etc/ssh/sshd_config; systemctl reload ssh"),
    ),
    (
        Mistake(
            "wrong CIDR in AllowUsers and access.conf",
            "mdx1",
            r"""
            sed -i -E 's,^(AllowUsers [^@]+)@.*,\1@198.51.100.0/24,' /etc/ssh/sshd_config
            sed -i -E 's,^(\+ *:[^:]+):.*,\1:198.51.100.0/24,' /etc/security/access.conf
            systemctl reload ssh
            """,
        ),
        Mistake(
            "broken sshd drop-in",
            "mdx2",
            """
            mkdir -p /etc/ssh/sshd_config.d
            echo 'PermitRootLogin maybe' >/etc/ssh/sshd_config.d/00-hand.conf
            sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config
            systemctl restart ssh
            """,
        ),
        Mistake("host keys removed", "infra1", "rm /etc/ssh/ssh_host_*; systemctl restart ssh"),
        Mistake(
            "power cut, with a packet filter that drops all at the next start",
            "data1",
            r"""
            sed -i '/hook input/a drop' /etc/nftables.conf; nft -f /etc/nftables.conf
            echo 'AllowUsers nobody' >>/etc/ssh/sshd_config; sync
            """,
            power_cut=True,
        ),
        Mistake("sshd on another port", "login1", "sed -i 's/^Port 22$/Port 2222/' /etc/ssh/sshd_config; systemctl restart ssh"),
    ),
    (
        Mistake("sudo broken for operators", "mdx1", "for file in /etc/sudoers.d/*; do echo oops >$file; done"),
        Mistake(
            "operator's keys expired",
            "mdx2",
            r"""sed -i -E 's/^([a-z].*)$/expiry-time="20200101",\1/' /etc/ssh/authorized_keys.d/aoki""",
        ),
        Mistake("operator locked, expired, without a shell", "infra1", "usermod -L -e 1 -s /usr/sbin/nologin aoki"),
        Mistake(
            "full /etc, sshd's files cut short",
            "data1",
            """
            systemctl stop ssh
            : >/etc/nftables.conf; : >/etc/ssh/sshd_config; : >/etc/pam.d/sshd
            cat /dev/zero >/etc/full
            """,
            prepare=SMALL_ETC,
        ),
        Mistake("sshd stopped and masked", "login1", "systemctl mask --now ssh.service"),
    ),
)
# Kept for `make soak`.
MORE_ROUNDS: tuple[tuple[Mistake, ...], ...] = (
    (
        Mistake("interface down", "mdx1", "ip link set hpc0 down"),
        Mistake("addresses gone", "mdx2", "ip address flush dev hpc0; ip -6 address flush dev hpc0"),
        Mistake("sshd's program can't be started", "infra1", "systemctl stop ssh; systemctl mask ssh.service ssh.socket"),
        Mistake("all of /etc/ssh removed", "data1", "rm -rf /etc/ssh; systemctl restart ssh"),
        Mistake("power cut, with PAM denying all", "login1", "echo 'auth required pam_deny.so' >/etc/pam.d/sshd", power_cut=True),
    ),
    (
        # sshd takes no key from where others may write (StrictModes), and no file differs.
        Mistake("all may write where keys lie", "mdx1", "chmod 777 /etc/ssh/authorized_keys.d"),
        Mistake("the directory of keys is another user's", "mdx2", "chown daemon /etc/ssh/authorized_keys.d"),
        # sshd reads keys as the user who comes.
        Mistake("nobody may read where keys lie", "login1", "chmod 700 /etc/ssh/authorized_keys.d"),
    ),
)


@dataclass(frozen=True)
class NoData:
    """What somebody does as root on a data server; ``words`` are those by which the run that finds it says what is wrong."""

    name: str
    script: str
    words: str


RELOAD = "systemctl reload kakehashi-data-sshd"
# None of them shuts an operator out.
WITHOUT_DATA: tuple[NoData, ...] = (
    NoData(
        "AllowUsers of nobody",
        f"sed -i 's/^AllowUsers .*/AllowUsers nobody/' /etc/ssh/sshd_config_data; {RELOAD}",
        "sshd took none of the keys",
    ),
    NoData("keys that sshd can't read", "chmod 700 /etc/ssh/authorized_keys_data.d", "sshd took none of the keys"),
    NoData(
        "the data port filtered",
        "nft insert rule inet kakehashi input tcp dport 2022 drop",
        "no answer to the connect",
    ),
    NoData(
        "PAM denies all",
        "sed -i '1i account required pam_deny.so' /etc/pam.d/kakehashi-data-sshd",
        "sshd took the key, PAM closed the session",
    ),
)


def cases(rounds: tuple[tuple[Mistake, ...], ...]) -> list[tuple[int, Mistake]]:
    """Return each mistake with the number of its round."""
    return [(number, mistake) for number, mistakes in enumerate(rounds) for mistake in mistakes]
