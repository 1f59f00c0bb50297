"""Models, training, metrics and probes for audio-visual segmentation."""
