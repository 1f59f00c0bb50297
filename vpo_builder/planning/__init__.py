"""Which images, objects and clips a dataset is made of. Pure but for the check of clips."""
