"""Looks at a rendered dataset before it is published, for what crosses its subsets."""

from pathlib import Path

from vpo_builder.audit.audit import AuditReport, audit
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.publication import Publication


def audit_rendered(
    folder: Path, rendered: Publication, identity: BuildIdentity, max_bits: int, workers: int
) -> AuditReport:
    """Return what crosses the subsets; photographs up to `max_bits` bits apart look alike.

    Those that were decoded for rendering are not decoded again, unless they look alike. Files are
    read in `workers` threads.
    """
    licences = {row.image_id: row.license_name for row in rendered.attributions}
    manifest = rendered.manifest(folder, identity)
    return audit(
        manifest,
        licences,
        workers,
        max_bits,
        credits=rendered.credits,
        hashes=rendered.hashes,
    )


def untrained_note(report: AuditReport) -> list[str]:
    """Return a line for the classes that are tested and have no sample in train, if any."""
    if not report.untrained:
        return []
    return [f"tested but never trained: {', '.join(report.untrained)}"]
