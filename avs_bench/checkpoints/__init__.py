"""Files of weights, ours and published, and the models opened from them."""
