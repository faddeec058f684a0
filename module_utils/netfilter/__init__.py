"""Packet filter rulesets of nftables: what is loaded, what is wanted, and whether the deployer stays inside."""
