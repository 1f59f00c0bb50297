"""Prediction on one's own pictures and videos: masks, overlays, attention and a page of them."""
