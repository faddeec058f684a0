"""Files that a role owns whole: what must change, and how it is put into place without half-done states."""
