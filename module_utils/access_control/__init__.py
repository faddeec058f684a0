"""Who may log in from where, as sshd and PAM will really decide it. Pure, except ``host``, which asks the machine."""
