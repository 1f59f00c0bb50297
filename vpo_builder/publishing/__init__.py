"""What stands beside the media: csv, documents, checksums, the manifest last."""
