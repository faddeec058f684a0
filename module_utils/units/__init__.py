"""Systemd units: their files, and whether they run now and at boot."""
