"""What the commands do, for a program of the user's own: `from avs_bench import …`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.data.datasets import read_dataset
from avs_bench.data.example import AVSDataset
from avs_bench.names import OwnFamily, Resize, Values
from avs_bench.results.files import write_result
from avs_bench.results.records import Result
from avs_bench.runtime.own_code import is_own_code, name_of
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.output_lock import RUN_LOCK, output_lock
from vpo_builder.runtime.settings import toml_value

if TYPE_CHECKING:  # open_dataset and score need no torch
    from torch import nn

    from avs_bench.checkpoints.opening import OpenedModel

    Model = str | nn.Module | Callable[..., nn.Module]
    """The user's own: MODULE:NAME, itself, or what makes it for a number of classes."""


def open_dataset(folder: str | Path) -> AVSDataset:
    """Open the dataset in a folder: one of `vpo-build`, or a part of AVSBench as published.

    Raises InputError if there is none, or one that is unfinished or edited.

    >>> data = open_dataset("data/VPO/VPO-SS")
    >>> len(data), data[0].sources[0].class_index, data.classes[2]
    (8, 2, 'cat')
    """
    return read_dataset(Path(folder))


def open_model(
    source: str | Path | nn.Module,
    *,
    model: Model | None = None,
    classes: Sequence[str] | int | None = None,
    device: str = "auto",
) -> OpenedModel:
    """Open a model in evaluation mode, with all that it takes to score it and to predict with it.

    `source` is the folder of a run, a checkpoint, weights on a hub (hf:ORG/NAME[@REV]/FILE), or a
    module of one's own, which needs the names of its `classes`. A run or weights of an own model
    need its code too, as `model`: what a file says is never imported. Weights of others are opened
    by the name of a `model` of ours, and may need the number of `classes`. Raises InputError.

    >>> opened = open_model("run")
    >>> opened.name, opened.trained_on, len(opened.classes)
    ('tiny', 'VPO-SS', 7)
    """
    from torch import nn

    from avs_bench.checkpoints.opening import open_model as open_chosen
    from avs_bench.checkpoints.opening import open_module
    from avs_bench.models.own import own_model
    from avs_bench.runtime.device import open_device

    on = open_device(device)
    if isinstance(source, nn.Module):
        if classes is None or isinstance(classes, int):
            raise InputError("open_model: give the names of the module's classes, background first")
        return _tried(open_module(source, classes, on, name_of(source)))
    path, ours = Path(source), isinstance(model, str) and not is_own_code(model)
    place = {"run": path} if path.is_dir() else {"checkpoints": (path,)}
    name = model if isinstance(model, str) else None
    own = None if model is None or ours else own_model(model)
    count = classes if isinstance(classes, int) or classes is None else len(classes)
    choice = ModelChoice(model=name, classes=count, **place)
    choice.refuse_contradictions("open_model")
    return open_chosen(choice, on, own=own)


def evaluate(
    model: OpenedModel | nn.Module,
    dataset: AVSDataset,
    subset: Subset = "test",
    *,
    families: Sequence[OwnFamily] = (),
    probes: Sequence[str] = (),
    probe_seed: int = 0,
    unseen: Sequence[str] = (),
    out: str | Path | None = None,
) -> Result:
    """Score a model on a subset, as `avs-bench eval` does, and ask it the `probes` named.

    A module is opened by what it says of itself (`needs`). With `out` the result is stored in that
    folder, for `avs-bench report`. Raises InputError for a dataset with other classes, for an
    unknown name and for scores that are not numbers.

    >>> result = evaluate(open_model("run"), open_dataset("data/VPO/VPO-SS"), probes=["silence"])
    >>> list(result.figures)[:2], result.probes[0].probe
    (['miou_dataset', 'f1_dataset'], 'silence')
    """
    from torch import nn

    from avs_bench.checkpoints.opening import open_module
    from avs_bench.runtime.device import open_device
    from avs_bench.scoring.score import Questions
    from avs_bench.scoring.score import score as scored

    if isinstance(model, nn.Module):
        parameter = next(model.parameters(), None)
        device = open_device("cpu") if parameter is None else parameter.device
        model = _tried(open_module(model, dataset.classes, device, name_of(model)))
    questions = Questions(tuple(families), tuple(probes), probe_seed, tuple(unseen))
    result = scored(model, dataset, subset, questions)
    return _stored(result, out)


def score(
    predictions: str | Path,
    dataset: AVSDataset,
    subset: Subset = "test",
    *,
    name: str = "",
    values: Values = "classes",
    resize: Resize | None = None,
    allow_missing: bool = False,
    families: Sequence[OwnFamily] = (),
    probes: Sequence[str] = (),
    probe_seed: int = 0,
    unseen: Sequence[str] = (),
    class_map: str = "",
    labels: str | Path | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
) -> Result:
    """Score another program's answers, a folder or a zip, as `avs-bench score` does.

    The arguments are its options. Needs no torch. Raises InputError for what cannot be read and,
    unless `allow_missing`, for answers that are missing, surplus, doubled or of another size.

    >>> from PIL import Image
    >>> data = open_dataset("data/VPO/VPO-SS")
    >>> Path("answers").mkdir()
    >>> for one in data.subsets["test"]:
    ...     Image.new("L", (one.width, one.height)).save(f"answers/{one.example_id}.png")
    >>> result = score("answers", data)
    >>> f"{100 * float(result.figures['miou_dataset']):.1f} % of background alone"
    '11.9 % of background alone'
    """
    from avs_bench.checkpoints.class_names import read_labels
    from avs_bench.scoring.answer_files import open_answers
    from avs_bench.scoring.given import Terms
    from avs_bench.scoring.given_probes import score_with_probes

    path = Path(predictions)
    terms = Terms(
        name=name or path.resolve().stem,
        values=values,
        resize=resize,
        allow_missing=allow_missing,
        families=tuple(families),
        unseen=tuple(unseen),
        seed=seed,
        probes=tuple(probes),
        probe_seed=probe_seed,
        class_map=class_map,
        labels=() if labels is None else read_labels(Path(labels)),
    )
    return _stored(score_with_probes(open_answers(path), dataset, subset, terms), out)


def fit(
    dataset: AVSDataset,
    out: str | Path,
    *,
    model: Model | None = None,
    loss: str | Callable[..., Any] | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    weights: Sequence[str | Path] = (),
    resume: bool = False,
    device: str = "auto",
    announce: Callable[[str], None] = print,
) -> OpenedModel:
    """Train a model into the folder `out`, as `avs-bench train` does, and open its best epoch.

    What is trained is that of a `preset`, a name or the path of a .toml, with the `settings` that
    differ, by their names; or a `model` of one's own, whose preset is `plain` if none is given. A
    module that is given itself is trained in place. `loss` is one's own, see `OwnLoss`. Raises
    InputError, and StoppedError after SIGINT, once last.pt is written.

    >>> small = {"train.epochs": 1, "train.batch_size": 2, "image.crop": 32, "image.long_side": 48}
    >>> data = open_dataset("data/VPO/VPO-SS")
    >>> opened = fit(data, "fitted", preset="tiny", settings=small, announce=lambda line: None)
    >>> opened.epochs, opened.files[0].name
    (1, 'best.pt')
    """
    from avs_bench.checkpoints.opening import open_model as open_chosen
    from avs_bench.models.own import own_model
    from avs_bench.runtime.device import open_device
    from avs_bench.runtime.processes import joined_processes
    from avs_bench.training.asked import asked_settings
    from avs_bench.training.fit import fit as train
    from avs_bench.training.own import Own
    from avs_bench.training.own_loss import own_loss
    from avs_bench.training.run_folder import BEST

    folder, on = Path(out), open_device(device)
    own = Own(None if model is None else own_model(model), None if loss is None else own_loss(loss))
    overrides = tuple(f"{key}={toml_value(value)}" for key, value in (settings or {}).items())
    with joined_processes(on) as processes, output_lock(folder, name=RUN_LOCK):
        chosen = asked_settings(
            folder,
            len(dataset.classes),
            preset=preset,
            overrides=overrides,
            resume=resume,
            own=own,
        )
        train(
            chosen,
            dataset,
            folder,
            device=on,
            resume=resume,
            weights=tuple(map(Path, weights)),
            announce=announce,
            processes=processes,
            own=own,
        )
    return open_chosen(ModelChoice(checkpoints=(folder / BEST,)), on, own=own.model)


def _stored(result: Result, out: str | Path | None) -> Result:
    if out is not None:
        write_result(Path(out), result)
    return result


def _tried(opened: OpenedModel) -> OpenedModel:
    """Return a module of the user's own once it has scored what it shall see."""
    from avs_bench.models.own import refuse_unfit

    classes = len(opened.classes)
    logits = (1, 2) if classes == 2 else (classes,)
    refuse_unfit(opened.name, opened.module, opened.needs, logits)
    return opened
