"""Training: `fit` is the method section, the other modules its paragraphs."""
