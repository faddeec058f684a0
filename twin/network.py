"""Network namespaces and the cables between them, over netlink."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pyroute2 import IPRoute, NetlinkError

from twin.errors import TwinError
from twin.paths import NETNS, Paths
from twin.plan import End, Link, Plan

# The preference of a route that is asked last.
_LAST = 4_000_000
# linux/ethtool.h: switch an offload off. Frames must be whole when Open vSwitch reads them from a packet socket.
_SIOCETHTOOL = 0x8946
_OFFLOADS = {"tx checksum": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}
# sys/mount.h and sched.h.
_MNT_DETACH = 2
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 1 << 20
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """The namespaces and links of one twin."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths

    def namespaces(self) -> list[str]:
        """Names of the nodes that have a namespace now."""
        prefix = self.paths.scope_prefix
        return sorted(path.name.removeprefix(prefix) for path in NETNS.glob(f"{prefix}*")) if NETNS.exists() else []

    def add_namespace(self, node: str, *, carries_frames: bool) -> None:
        """Make a node's namespace. A switch (`carries_frames`) says nothing by itself on its ports."""
        path = self.paths.netns(node)
        if _is_namespace(path):
            return
        path.unlink(missing_ok=True)
        if not _is_mounted(NETNS):
            self.paths.run.parent.mkdir(parents=True, exist_ok=True)
            _marker(self.paths).touch()
        _create_namespace(path)
        with self.inside(node):
            _write_sysctl("ipv4/ip_forward", "0")
            _write_sysctl("ipv6/conf/all/forwarding", "0")
            if carries_frames:
                _write_sysctl("ipv6/conf/default/disable_ipv6", "1")
        with self._netlink(node) as ipr:
            ipr.link("set", index=1, state="up")

    def remove_namespace(self, node: str) -> None:
        """Take a node's namespace away, with its interfaces and so the far ends of its cables."""
        path = self.paths.netns(node)
        if _is_namespace(path):
            # A process elsewhere may hold the namespace: the cables go now, whatever it does.
            with self._netlink(node) as ipr:
                for index in _cables(ipr):
                    ipr.link("del", index=index)
        if path.exists():
            _libc.umount2(os.fsencode(path), _MNT_DETACH)
            path.unlink()

    def interfaces(self, node: str) -> set[str]:
        """Names of the interfaces of a node."""
        with self._netlink(node) as ipr:
            return {link.get_attr("IFLA_IFNAME") for link in ipr.get_links()}

    def addresses(self, node: str) -> set[str]:
        """Addresses that a node has now."""
        with self._netlink(node) as ipr:
            return {address.get_attr("IFA_ADDRESS") for address in ipr.get_addr()}

    def add_link(self, link: Link) -> None:
        """Lay a cable; whatever bears the name of one of its ends goes first."""
        for end in link.ends:
            self.remove_interface(end.node, end.interface)
        one, other = link.ends
        with _in_words(f"the cable {link.name}"), IPRoute() as ipr:
            ipr.link("add", kind="veth", **self._end(one), peer=self._end(other))
        self.finish_link(link)

    def finish_link(self, link: Link) -> None:
        """Ready a cable that is laid; does no harm to one that is ready."""
        one, other = link.ends
        for end in link.ends:
            with self.inside(end.node):
                _offloads_off(end.interface)
        with self._netlink(other.node) as ipr:
            ipr.link("set", ifname=other.interface, state="up")
        if link.name.startswith("trunk/"):
            with self._netlink(one.node) as ipr:
                ipr.link("set", ifname=one.interface, state="up")

    def remove_interface(self, node: str, interface: str) -> None:
        """Take an interface away, and with it the far end of its cable."""
        with self._netlink(node) as ipr:
            for index in ipr.link_lookup(ifname=interface):
                ipr.link("del", index=index)

    def _end(self, end: End) -> dict[str, object]:
        return {"ifname": end.interface, "mtu": end.mtu, "address": end.mac, "net_ns_fd": self.paths.scope(end.node)}

    def address_operator(self, node: str, addresses: Iterable[tuple[str, str, int]]) -> None:
        """Give the operators' host its (interface, address, prefix length) and no way out of the twin."""
        with self._netlink(node) as ipr:
            for interface, address, length in addresses:
                index = _index(ipr, node, interface)
                ipr.link("set", index=index, state="up")
                with self.inside(node):
                    _write_sysctl(f"ipv6/conf/{interface}/accept_dad", "0")
                    _write_sysctl(f"ipv6/conf/{interface}/accept_ra", "0")
                _ignoring(errno.EEXIST, partial(ipr.addr, "add", index=index, address=address, prefixlen=length))
            for family, everywhere in ((socket.AF_INET, "0.0.0.0/0"), (socket.AF_INET6, "::/0")):
                nowhere = partial(ipr.route, "add", family=family, dst=everywhere, type="unreachable", priority=_LAST)
                _ignoring(errno.EEXIST, nowhere)

    def cut(self, ends: Iterable[End]) -> None:
        """Let nothing leave by `ends`. The carrier stays, as when a line far away is cut."""
        for end in ends:
            with self._netlink(end.node) as ipr:
                ipr.tc("replace", "blackhole", index=_index(ipr, end.node, end.interface))

    def heal(self, ends: Iterable[End]) -> None:
        """Undo `cut`."""
        for end in ends:
            with self._netlink(end.node) as ipr:
                index = _index(ipr, end.node, end.interface)
                _ignoring(errno.ENOENT, partial(ipr.tc, "del", "blackhole", index=index))

    def cut_ends(self, plan: Plan) -> list[End]:
        """The ends that are cut now."""
        found = []
        for node in self.namespaces():
            with self._netlink(node) as ipr:
                holes = {link.get_attr("IFLA_IFNAME") for link in ipr.get_links() if link.get_attr("IFLA_QDISC") == "blackhole"}
            found += [end for link in plan.links for end in link.ends if end.node == node and end.interface in holes]
        return found

    @contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """Run the block with this thread in a node's namespace."""
        with _Namespace("/proc/thread-self/ns/net") as here, _Namespace(self.paths.netns(node)) as there:
            there.enter()
            try:
                yield
            finally:
                here.enter()

    @contextmanager
    def _netlink(self, node: str) -> Iterator[IPRoute]:
        # A netlink socket stays in the namespace it was made in: no process is needed to hold it there.
        with self.inside(node):
            ipr = IPRoute()
        with _in_words(f"the network of {node}"), ipr:
            yield ipr

    def leave(self) -> None:
        """After the last twin: unmount the directory of namespaces if it was mounted for a twin and nobody uses it."""
        marker = _marker(self.paths)
        if not marker.exists() or any(NETNS.glob("kakehashi.*.*")):
            return
        if not any(NETNS.iterdir()):
            _libc.umount2(os.fsencode(NETNS), _MNT_DETACH)
            NETNS.rmdir()
        marker.unlink()


class _Namespace:
    """An open network namespace that this thread can enter."""

    def __init__(self, path: str | Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> _Namespace:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def enter(self) -> None:
        _check(_libc.setns(self._fd, _CLONE_NEWNET))


def _create_namespace(path: Path) -> None:
    """Make a namespace that lasts at `path`, in the way of iproute2."""
    NETNS.mkdir(exist_ok=True)
    if not _is_mounted(NETNS):
        _check(_libc.mount(os.fsencode(NETNS), os.fsencode(NETNS), None, _MS_BIND | _MS_REC, None))
        _check(_libc.mount(None, os.fsencode(NETNS), None, _MS_SHARED | _MS_REC, None))
    path.touch(mode=0)
    with _Namespace("/proc/thread-self/ns/net") as here:
        _check(_libc.unshare(_CLONE_NEWNET))
        try:
            _check(_libc.mount(b"/proc/thread-self/ns/net", os.fsencode(path), None, _MS_BIND, None))
        finally:
            here.enter()


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _marker(paths: Paths) -> Path:
    return paths.run.parent / ".netns-mounted"


def _is_namespace(path: Path) -> bool:
    """Whether a namespace is mounted at `path`; a file alone is left where making one was cut short."""
    return path.exists() and path.stat().st_dev != path.parent.stat().st_dev


def _is_mounted(path: Path) -> bool:
    """Whether something is mounted at `path`; os.path.ismount doesn't see a directory that is mounted on itself."""
    return any(line.split(" ")[4] == str(path) for line in Path("/proc/self/mountinfo").read_text().splitlines())


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        raise TwinError(f"the kernel refused {what}: {error}; it needs veth and queueing disciplines") from error


def _index(ipr: IPRoute, node: str, interface: str) -> int:
    """The number of an interface, in a network that may be half built."""
    for index in ipr.link_lookup(ifname=interface):
        return int(index)
    raise TwinError(f"{node} has no interface {interface}: the twin is half built; run 'up' again to finish it")


def _cables(ipr: IPRoute) -> list[int]:
    return [link["index"] for link in ipr.get_links() if link.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "veth"]


def _offloads_off(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in _OFFLOADS.values():
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(sock, _SIOCETHTOOL, request)


def _write_sysctl(key: str, value: str) -> None:
    """Set a network sysctl of the namespace this thread is in."""
    path = Path("/proc/sys/net", key)
    if path.read_text().strip() != value:
        path.write_text(value)


def _ignoring(code: int, action: Callable[[], object]) -> None:
    try:
        action()
    except NetlinkError as error:
        if error.code != code:
            raise
