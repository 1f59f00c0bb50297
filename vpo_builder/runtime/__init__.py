"""What any stage runs on: errors, settings, whole files, locks, executors, progress, hashes."""
