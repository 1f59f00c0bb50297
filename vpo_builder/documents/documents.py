"""The documents of a dataset: its card, whose media it holds, and its Croissant description."""

from collections.abc import Iterable, Mapping

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.sound_credits import NO_CREDITS, SoundCredit
from vpo_builder.documents.attribution import ATTRIBUTION, Attribution, encode_attributions
from vpo_builder.documents.card import encode_card
from vpo_builder.documents.croissant import SAMPLES, encode_croissant, encode_croissant_samples
from vpo_builder.documents.licences import count_licences
from vpo_builder.documents.sound_sources import sound_sources

__all__ = ["ATTRIBUTION", "CARD", "CROISSANT", "Attribution", "render_documents"]

CARD = "README.md"
CROISSANT = "croissant.json"


def render_documents(
    manifest: Manifest,
    attributions: Iterable[Attribution],
    credits: Mapping[str, SoundCredit] = NO_CREDITS,
) -> dict[str, bytes]:
    """Return name -> bytes of README.md, ATTRIBUTION.csv, croissant.json and its samples.

    `manifest` may be one whose list of checksums is not written yet: of its hashes only
    `manifest_sha256` is read. `attributions` may cover more images than are in use; `credits` tell
    whose the clips are that are not VGGSound's.
    """
    owned = {row.image_id: row for row in attributions}
    used = sorted({sample.image_id for sample in manifest.samples})
    licences = count_licences(
        (owned[image].license_name, owned[image].license_url) if image in owned else ("", "")
        for image in used
    )
    of_clips = count_licences((row.licence, row.licence_url) for row in credits.values())
    sources = sound_sources(manifest, credits)
    return {
        CARD: encode_card(manifest, licences, of_clips, sources),
        ATTRIBUTION: encode_attributions(owned.values(), manifest, credits),
        CROISSANT: encode_croissant(manifest, [*licences, *of_clips], sources),
        SAMPLES: encode_croissant_samples(manifest),
    }
