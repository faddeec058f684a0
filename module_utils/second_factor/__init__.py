"""Secrets of the second factor at login: what a login server keeps, and who gets which."""
