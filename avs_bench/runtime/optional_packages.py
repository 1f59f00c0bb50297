"""Parts that not everyone installs."""

from importlib.util import find_spec

from vpo_builder.runtime.errors import InputError


def require(modules: tuple[str, ...], purpose: str, remedy: str) -> None:
    """Raise InputError naming the first of `modules` that is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise InputError(f"{purpose} needs {module}, which is not installed: {remedy}")


def require_torch() -> None:
    """Raise InputError if torch, without which no model runs, is not installed."""
    require(
        ("torch",),
        "avs-bench",
        "pip install .[bench] (with a GPU, install torch first from pytorch.org)",
    )
