"""Certificates for accounts: who signs them, who asks for them, and which are no longer good."""
