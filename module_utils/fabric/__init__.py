"""The fabric: the declared whole of sites, segments, hosts, platforms, flows and accounts."""
