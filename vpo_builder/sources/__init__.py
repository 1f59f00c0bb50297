"""Sources: each module reads one kind of input into records."""
