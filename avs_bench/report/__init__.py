"""Reports of evaluated runs: tables as text, and a page that opens from disk. Needs no torch."""
