"""Models, training, metrics and probes for audio-visual segmentation.

>>> from avs_bench import evaluate, open_dataset, open_model
>>> data = open_dataset("data/VPO/VPO-SS")
>>> print(evaluate(open_model("run"), data).figures["miou_dataset"].name)
miou_dataset
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avs_bench.commands.library import evaluate, fit, open_dataset, open_model, score

__all__ = ["evaluate", "fit", "open_dataset", "open_model", "score"]


def __getattr__(name: str) -> Any:
    """Hand a name on where it is used first: torch, which some rooms do without, takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from avs_bench.commands import library

    return getattr(library, name)
