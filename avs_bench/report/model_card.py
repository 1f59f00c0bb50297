"""The page by which a hub shows a model: what it is, how it is used, what it scored. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from avs_bench.checkpoints.hub_folder import WEIGHTS, HubConfig
from avs_bench.metrics.families import FIGURES
from avs_bench.report.runs import run_of
from avs_bench.report.score_tables import tables_of
from avs_bench.report.text_formats import markdown
from avs_bench.results.records import Result
from avs_bench.runtime.own_code import is_own_code
from vpo_builder.runtime.outside_text import markdown_text

TAGS = ("audio-visual-segmentation", "avs-toolkit")
ADDRESS = f"hf:ORG/NAME/{WEIGHTS}"


def model_card(config: HubConfig, results: Sequence[Result], licence: str = "") -> str:
    """Return the README.md of a model with its scores, which are made from their counts here.

    `licence` is a hub's name of one; without it the card names none.
    """
    name = markdown_text(config.settings["model"]["name"])
    title = f"{name}, trained on {markdown_text(config.dataset)}"
    parts = [_front_matter(config, results, licence), f"# {title}", *_about(config, results)]
    parts += ["## Use", _use(), "## Scores"]
    parts += list(_scores(title, results))
    return "\n\n".join(parts) + "\n"


def _front_matter(config: HubConfig, results: Sequence[Result], licence: str) -> str:
    """Return what the hub reads: YAML, of which json is a part."""
    tags = [*TAGS, *(["synthetic"] if any(result.synthetic for result in results) else [])]
    fields: dict[str, object] = {
        **({"license": licence} if licence else {}),
        "library_name": "avs-toolkit",
        "pipeline_tag": "image-segmentation",
        "tags": tags,
    }
    if results:
        name = f"{config.settings['model']['name']}-{config.dataset}"
        fields["model-index"] = [{"name": name, "results": list(map(_indexed, results))}]
    lines = (f"{key}: {json.dumps(value)}" for key, value in fields.items())
    return "\n".join(["---", *lines, "---"])


def _indexed(result: Result) -> dict[str, object]:
    return {
        "task": {"type": "image-segmentation"},
        "dataset": {
            "name": f"{result.dataset} {result.subset}",
            "type": result.dataset,
            "revision": result.dataset_sha256,
        },
        "metrics": [
            {"type": figure.name, "name": figure.name, "value": round(100 * figure.value, 2)}
            for kept in result.sets
            for figure in (make(kept.overall) for make in FIGURES[kept.family])
            if figure.value == figure.value  # NaN is no json
        ],
    }


def _about(config: HubConfig, results: Iterable[Result]) -> Iterator[str]:
    settings = config.settings
    audio, image = settings["audio"], settings["image"]
    sound = f"{audio['seconds']} s of {'mono' if audio['channels'] == 1 else 'stereo'} at 16 kHz"
    side = image["long_side"] or "their own number of"
    yield (
        "Says of each pixel of a picture which class is heard there. Made with avs-toolkit, whose "
        "program scores and runs it."
    )
    facts = {
        "model": markdown_text(json.dumps(settings["model"])),
        "sees and hears": f"pictures with {side} pixels on the longer side, and {sound}",
        "trained on": f"{markdown_text(config.dataset)}, manifest sha256 "
        f"{markdown_text(config.manifest_sha256)}",
        "epochs": str(config.epochs),
        "weights": f"`{WEIGHTS}`, sha256 `{config.weights_sha256}`",
        "classes by index": ", ".join(map(markdown_text, config.classes)),
    }
    if is_own_code(str(settings["model"]["name"])):
        facts["code"] = "its authors' own, which is not here: every command needs its `--model`"
    if any(result.chosen_on_test for result in results):
        facts["epoch"] = "CHOSEN ON TEST, as the published code does: its figures are too high"
    yield "\n".join(f"- {what}: {said}" for what, said in facts.items())


def _use() -> str:
    return (
        "```bash\n"
        f"avs-bench eval --weights {ADDRESS} --data data/VPO/VPO-SS\n"
        f"avs-bench predict street.mp4 --weights {ADDRESS} --out predicted\n"
        "```"
    )


def _scores(title: str, results: Sequence[Result]) -> Iterator[str]:
    if not results:
        yield "None yet: run `avs-bench eval` and then `avs-bench convert` again."
        return
    yield "\n".join(
        f"- {markdown_text(one.dataset)} {one.subset}: manifest sha256 `{one.dataset_sha256}`, "
        f"counts in `scores-{markdown_text(one.file_stem)}.json`"
        for one in results
    )
    yield markdown(tables_of([run_of(title, Path(), tuple(results))]).every)
