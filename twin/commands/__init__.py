"""What each command of the command line does; each module imports only what its commands need, to begin quickly."""
