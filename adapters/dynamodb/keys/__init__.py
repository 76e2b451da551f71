"""Keys in a table of their own."""
