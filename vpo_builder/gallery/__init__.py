"""A finished dataset as a page to look at and listen to."""
