"""What the scenarios of the access roles share: logging in for real, and taking one layer away."""
