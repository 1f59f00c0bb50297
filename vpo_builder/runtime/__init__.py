"""What any stage runs on: errors, settings, complete files, locks, executors, progress, hashes."""
