"""The documents of a dataset: card, attributions, Croissant description."""
