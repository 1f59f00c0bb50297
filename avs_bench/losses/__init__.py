"""Loss terms of the published methods, one a file."""
