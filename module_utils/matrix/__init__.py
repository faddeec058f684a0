"""The login matrix: what is tried, what is expected, and what a result means."""
