"""The audit: what of the journals is kept, the chain that shows changes to it, who logged in, and what was planned."""
