"""Every model of both papers, built from separate backbones, decoders, encoders and fusions."""

from avs_bench.models.output import AVSOutput
from avs_bench.models.parameter_groups import ParameterGroup, parameter_groups
from avs_bench.models.protocol import Needs
from avs_bench.models.registry import MODELS, build_model

__all__ = ["MODELS", "AVSOutput", "Needs", "ParameterGroup", "build_model", "parameter_groups"]
