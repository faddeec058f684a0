"""Interfaces of a host on its segments, by systemd-networkd."""
