"""Changes that a host undoes by itself unless they are confirmed: what is kept, how it comes back, who holds it."""
