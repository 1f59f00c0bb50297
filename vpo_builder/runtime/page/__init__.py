"""The frame of every page: its head, its colours in light and dark, and its player."""
