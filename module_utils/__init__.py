"""Pure Python of kakehashi: what decides, without I/O."""
