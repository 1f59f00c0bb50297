"""The files that others publish: whole models, and what the parts of one begin with."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from avs_bench.models.protocol import official_of, parts_of

# Where the authors put their files; read in their READMEs, none is ours to pass on.
WHOLE_MODELS = {
    "CAVP": "github.com/cyh-0/CAVP, README, Results (AVSBench at 224 pixels)",
    "TPAVI": "github.com/OpenNLPLab/AVSBench, README (backbones only: ResNet-50, PVTv2-b5, VGGish)",
    "AVSegFormer": "github.com/vvvb-github/AVSegFormer, README, since 2023-08-14 (512 pixels)",
}


@dataclass(frozen=True)
class StartFile:
    """A file that a part of a published model began with.

    `sha256` is what the file's begins with, as far as its publisher tells; `classifiers` begin
    what it holds behind the part, which is read past.
    """

    name: str
    where: str
    sha256: str = ""
    classifiers: tuple[str, ...] = ()

    def __str__(self) -> str:
        known = f", sha256 begins with {self.sha256}" if self.sha256 else ""
        return f"{self.name}: {self.where}{known}"


TORCHVISION = "download.pytorch.org/models/"  # its names carry 8 digits of the file's sha256
DEEP_STEMS = "github.com/charlesCXK/TorchSemiSeg, README, Getting started"

START_FILES = {
    "ResNet50, deep stem": StartFile("resnet50_v1c.pth", DEEP_STEMS),
    "ResNet101, deep stem": StartFile("resnet101_v1c.pth", DEEP_STEMS),
    "ResNet50, plain stem": StartFile("resnet50-0676ba61.pth", TORCHVISION, "0676ba61"),
    "HRNetV2-w48": StartFile(
        "HRNet_W48_C_ssld_pretrained.pth",
        "github.com/HRNet/HRNet-Image-Classification, release PretrainedWeights",
        classifiers=("incre_modules.", "downsamp_modules.", "final_layer.", "classifier."),
    ),
    "PVTv2-b5": StartFile(
        "pvt_v2_b5.pth", "github.com/whai362/PVT, release v2", classifiers=("head.",)
    ),
    "ResNet18, for sound": StartFile("resnet18-f37072fd.pth", TORCHVISION, "f37072fd"),
    "VGGish": StartFile(
        "vggish-10086976.pth", "github.com/harritaylor/torchvggish, release v0.1", "10086976"
    ),
}


def start_files(model: nn.Module) -> dict[str, StartFile]:
    """Return, by the name of the part that it fills, each file that a published model begins with.

    They are those of the parts' `official`, whatever the parts' width.
    """
    found = {name: START_FILES.get(official_of(part)) for name, part in parts_of(model).items()}
    return {name: file for name, file in found.items() if file}


def listed_starts(files: Iterable[tuple[str, StartFile]]) -> str:
    """Return parts with their files on one line."""
    return " and ".join(f"{part} ({file.name})" for part, file in files)


def published_at(model: nn.Module) -> str:
    """Return where the official weights of a model and of its parts are."""
    whole = official_of(model)
    places = [f"{whole}: {WHOLE_MODELS[whole]}"] if whole in WHOLE_MODELS else []
    return "; ".join([*places, *map(str, start_files(model).values())])


def classifiers_of(module: nn.Module) -> tuple[str, ...]:
    """Return the beginnings of what an ImageNet file holds behind a backbone."""
    if official_of(module).startswith("ResNet"):  # of any depth
        return ("fc.",)
    file = START_FILES.get(official_of(module))
    return file.classifiers if file else ()
