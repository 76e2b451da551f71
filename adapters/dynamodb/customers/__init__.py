"""A customer as a whole: erased and exported."""
