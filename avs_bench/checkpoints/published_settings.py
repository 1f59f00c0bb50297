"""What a model of a paper sees and hears on a dataset: the one place that chooses it by both names.

It chooses among the presets, so that `--model NAME` scores a file as `--preset NAME` does.
"""

from dataclasses import replace

import torch

from avs_bench.checkpoints.catalogue import is_published, usual_classes
from avs_bench.config import ModelSettings, Settings, read_preset
from avs_bench.models.protocol import official_of
from avs_bench.models.registry import build_model, takes_output_stride

BY_DATASET = {
    "CAVP": {
        **dict.fromkeys(("", "VPO-SS", "VPO-MS", "VPO-MSMI"), "cavp-deeplabv3plus-r50"),
        "AVSBench-S4": "cavp-s4",
        "AVSBench-MS3": "cavp-ms3",
        "AVSBench-Semantic": "cavp-avss",
        "AVSBench-Single+": "cavp-single-plus",
    },
    **{
        paper: {
            **dict.fromkeys(("VPO-SS", "VPO-MS", "VPO-MSMI"), f"{model}-vpo"),
            **dict.fromkeys(("", "AVSBench-S4"), f"{model}-s4"),
            "AVSBench-MS3": f"{model}-ms3",
            "AVSBench-Semantic": f"{model}-avss",
            "AVSBench-Single+": f"{model}-single-plus",
        }
        for paper, model in (("TPAVI", "tpavi-r50"), ("AVSegFormer", "avsegformer-r50"))
    },
}
"""Presets by paper and dataset, "" being none or an unknown one; the backbone changes no sense."""


def published_settings(name: str, dataset: str = "") -> Settings | None:
    """Return the settings of a paper's model, by its name, on a dataset; None for a model of ours.

    What follows the first word of a dataset's name says what it is made of, and changes nothing.
    An option that belongs to the preset's own backbone is left out for another one.
    """
    if not is_published(name):
        return None
    with torch.device("meta"):
        presets = BY_DATASET[official_of(build_model(name, usual_classes(name)))]
    settings = read_preset(presets.get(dataset.partition(" ")[0], presets[""]))
    options = dict(settings.model.options)
    if not takes_output_stride(name):
        options.pop("output_stride", None)
    return replace(settings, model=ModelSettings(name, options))
