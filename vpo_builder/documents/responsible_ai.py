"""The fields of Croissant's RAI vocabulary that can be told of a built dataset."""

from collections.abc import Sequence
from typing import Any

from vpo_builder.dataset.schema import ManifestMeta
from vpo_builder.documents.notes import notes
from vpo_builder.documents.picture_sources import PictureSources
from vpo_builder.documents.sound_sources import SoundSource, named

RAI_CONFORMS_TO = "http://mlcommons.org/croissant/RAI/1.0"
REUSED = "Secondary Data analysis"  # a value of the vocabulary, as is "Others"
USES = "Training and comparing models that segment what sounds in a picture."
UNFIT = (
    "It tells nothing about how often things sound, and must not be used to recognise persons or "
    "to judge their voices, sex or age."
)
VPO_COLLECTION = (
    "Photographs of {pictures} and recordings of {heard}, as those projects list them; a program "
    "pairs them by class, and nothing was recorded for it."
)
VPO_ANNOTATION = (
    "Masks are {masks} instance annotations. A recording's class is {heard}'s label, and the "
    "table of classes and labels is this program's."
)
VPO = {
    "rai:dataPreprocessingProtocol": [
        "Photographs are copied byte for byte unless readers would turn them or they have 16 bits.",
        "Recordings become mono PCM16 of one rate; a pan is the centre of the mask's box.",
    ],
    "rai:personalSensitiveInformation": [
        "Photographs show persons and recordings hold voices. No name is kept; ATTRIBUTION.csv "
        "names the pages of the authors.",
    ],
}
AVSBENCH = {
    "rai:dataCollection": "Frames and recordings of AVSBench's single-source videos.",
    "rai:dataAnnotationProtocol": (
        "Masks are AVSBench's, of foreground and background; a frame's class is its video's "
        "category."
    ),
    "rai:dataPreprocessingProtocol": [
        "A mask's foreground gets the index of its video's class; sound is cut around each frame.",
    ],
    "rai:personalSensitiveInformation": [
        "Videos show persons and hold voices. No name is kept.",
    ],
}
SYNTHETIC = {
    "rai:dataCollection": "Pictures are drawn and sounds synthesised by the program.",
    "rai:personalSensitiveInformation": ["None: persons are drawn and voices synthesised."],
}


def responsible_ai(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> dict[str, Any]:
    """Return the fields, the same for the same record; limits are those that the card names."""
    split: dict[str, Any] = AVSBENCH
    if meta.split != "avsbench-single-plus":
        title = PictureSources.of(meta).title
        masks = "COCO's" if title == "COCO 2017" else f"the {title}"
        heard = named(sounds)
        split = {
            "rai:dataCollection": VPO_COLLECTION.format(pictures=title, heard=heard),
            "rai:dataAnnotationProtocol": VPO_ANNOTATION.format(masks=masks, heard=heard),
            **VPO,
        }
    places = " and ".join(["Flickr", *sorted({each.place for each in sounds} - {""})])
    return {
        "rai:dataCollectionType": ["Others" if meta.synthetic else REUSED],
        **split,
        **(SYNTHETIC if meta.synthetic else {}),
        "rai:dataCollectionMissingData": "rejections.jsonl lists what was left out, and why.",
        "rai:dataLimitations": list(notes(meta, sounds)),
        "rai:dataBiases": [
            f"What the sources show and hear is what people put on {places}, and classes are as "
            "unequal as the card counts them.",
        ],
        "rai:dataUseCases": [USES, UNFIT],
        "rai:dataReleaseMaintenancePlan": (
            "manifest.jsonl names everything that it was made from: it can be built again, and "
            "what is gone by then is counted."
        ),
    }
