"""X.509 certificates by which hosts know each other; made and read by openssl."""
