"""A finished dataset in formats that other tools read."""
