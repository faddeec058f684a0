"""What outside judges say of hosts, and whether that is known and explained."""
