"""Figures seen, and how to see them again: ``make bench``."""
