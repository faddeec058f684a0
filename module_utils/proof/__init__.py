"""Static proof: computes from artefacts (rulesets, sshd, PAM, accounts, VLANs) who can log in where."""
