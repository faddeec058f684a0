"""Records the sessions of people who log in, out of their reach, and plays what was recorded."""
