"""What somebody with root changes by hand on a twin, beside the files of logins: who and what validation must name."""

from __future__ import annotations

from dataclasses import dataclass

from tests.access.node import have_read

DATA_RELOAD = have_read("kakehashi-data-sshd", "/run/kakehashi-data-sshd/sshd.pid")
_ONWARD = "/etc/kakehashi/onward/sato"
_KATO = 3004


@dataclass(frozen=True)
class ByHandChange:
    """What somebody does as root on ``host``, and how validation must name it: the ``layer``, and ``words`` of the row.

    ``undo`` is what a person does about it where no role of site.yml may or can.
    """

    host: str
    script: str
    layer: str
    words: str
    undo: str = ""


STRANGERS = {
    "member of an account's group": ByHandChange(
        "login1",
        "usermod -aG sato kato",
        "people",
        "kato is in sato's own group",
        "gpasswd -d kato sato",
    ),
    # acl(5), as the kernel keeps it: the node has no setfacl.
    "access control list": ByHandChange(
        "login1",
        f"""
        python3 -c '
        import os, struct
        rows = [(1, 7, -1), (2, 5, {_KATO}), (4, 5, -1), (16, 5, -1), (32, 0, -1)]
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *row) for row in rows)
        os.setxattr("{_ONWARD}", "system.posix_acl_access", acl)
        '
        """.replace("\n        ", "\n"),
        "keys",
        f"{_ONWARD} has an access control list",
        f'python3 -c \'import os; os.removexattr("{_ONWARD}", "system.posix_acl_access")\'',
    ),
    "another's number": ByHandChange(
        "mdx1",
        "sed -i 's/^sato:x:3001:/sato:x:3002:/' /etc/passwd",
        "people",
        "/etc/passwd: sato has uid 3002, declared is 3001",
        "sed -i 's/^sato:x:3002:/sato:x:3001:/' /etc/passwd",
    ),
    "a shell that is root's": ByHandChange(
        "infra1",
        "install -m4755 /bin/bash /usr/local/bin/rsh2",
        "programs",
        "/usr/local/bin/rsh2 runs with setuid root",
        "rm /usr/local/bin/rsh2",
    ),
    "a program that its package did not bring so": ByHandChange(
        "mdx2",
        "printf x >>/usr/lib/openssh/sftp-server",
        "programs",
        "/usr/lib/openssh/sftp-server is not what its package brought",
        "truncate --size=-1 /usr/lib/openssh/sftp-server",
    ),
    "drop-in in the packages' place": ByHandChange(
        "mdx2",
        r"""
        mkdir -p /usr/lib/systemd/system/ssh.service.d
        printf '[Service]\nBindReadOnlyPaths=-/root/other:/etc/ssh/sshd_config\n' >/usr/lib/systemd/system/ssh.service.d/x.conf
        """,
        "sshd",
        "/usr/lib/systemd/system/ssh.service.d/x.conf",
        "rm -r /usr/lib/systemd/system/ssh.service.d",
    ),
    "mount among the data sets": ByHandChange(
        "data1",
        "mount --bind / /srv/kakehashi/sato",
        "data sets",
        "/srv/kakehashi/sato is mounted there",
        "umount /srv/kakehashi/sato",
    ),
    "rule of a switch": ByHandChange(
        "sw-mdx",
        "ovs-ofctl add-flow br0 priority=5,dl_type=0x88b5,actions=NORMAL",
        "switch",
        "OpenFlow rule forwards beside",
        "ovs-ofctl --strict del-flows br0 priority=5,dl_type=0x88b5",
    ),
    "mirror of a switch": ByHandChange(
        "sw-mdx",
        "ovs-vsctl -- --id=@m create Mirror name=m0 -- set Bridge br0 mirrors=@m",
        "switch",
        "mirror m0",
        "ovs-vsctl clear Bridge br0 mirrors",
    ),
    "rules that only the data sshd's memory holds": ByHandChange(
        "data1",
        f"""
        cp -a /etc/ssh/sshd_config_data /root/kept
        sed -i 's/^PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config_data
        {DATA_RELOAD}
        mv /root/kept /etc/ssh/sshd_config_data
        """,
        "sshd",
        "was changed after the data service read it",
    ),
}
