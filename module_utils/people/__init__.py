"""Users of a host: who is there, who administers, who is locked out."""
