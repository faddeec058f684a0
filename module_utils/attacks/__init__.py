"""The bypass catalogue: reads it, finds where each attempt runs in a fabric, plans the counter-tests and judges them."""
