"""The record of something wrong with a dataset."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A file or record that is not as the manifest says; `path` is relative to the dataset."""

    path: str
    reason: str
