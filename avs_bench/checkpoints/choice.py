"""Whose model a command runs, as the user asked for it: resolved once and handed on whole."""

from dataclasses import dataclass
from pathlib import Path

from avs_bench.checkpoints.hub import is_address, parse_address
from avs_bench.runtime.own_code import is_own_code
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class ModelChoice:
    """A run, a checkpoint of ours, or a model by its name or preset with published weights.

    `model` is a name of `avs-bench models`; `preset`, with `overrides`, gives model, options, image
    size and sound. Either reads `checkpoints` as files of a paper, one after the other (TPAVI and
    VGGish); without any the weights are fresh. `labels` is a json of class names to indices, as
    AVSBench's label2idx.json; `classes` their number, where no file tells. As MODULE:NAME `model`
    is code of the user's own, which a run or a checkpoint of it needs too: no file makes code run.
    """

    run: Path | None = None
    checkpoints: tuple[Path, ...] = ()
    model: str | None = None
    preset: str | None = None
    overrides: tuple[str, ...] = ()
    labels: Path | None = None
    classes: int | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the weights, a run's best.pt among them."""
        return (self.run / "best.pt",) if self.run else self.checkpoints

    @property
    def home(self) -> Path:
        """The folder for what is made with the weights: theirs, or ORG--NAME here of a hub's."""
        first = self.files[0]
        return parse_address(str(first)).home if self.is_on_hub else first.parent

    @property
    def is_on_hub(self) -> bool:
        """Whether the first of its files is an address on a hub."""
        return is_address(self.files[0])

    @property
    def is_named(self) -> bool:
        """Whether a name or a preset says which model it is; a checkpoint of ours knows itself."""
        return bool(self.model or self.preset)

    @property
    def is_own(self) -> bool:
        """Whether the model is code of the user's own."""
        return is_own_code(self.model or "")

    def words(self) -> list[str]:
        """Return the options that choose the same again."""
        words = [word for path in self.files for word in ("--checkpoint", str(path))]
        words += ["--model", self.model] if self.model else []
        words += ["--preset", self.preset] if self.preset else []
        words += ["--labels", str(self.labels)] if self.labels else []
        return words + [word for setting in self.overrides for word in ("--set", setting)]

    def refuse_contradictions(self, command: str, *, needs_weights: bool = True) -> None:
        """Raise InputError for options that contradict each other, which would go unheard.

        And for files that are addresses on a hub of no possible form.
        """
        for address in filter(is_address, self.checkpoints):
            parse_address(str(address))
        has_place = bool(self.run) != bool(self.checkpoints)
        if not has_place and (needs_weights or self.run or not self.is_named):
            named = "" if needs_weights else ", or a model by --preset NAME or --model NAME"
            raise InputError(f"{command}: give either --run FOLDER or --checkpoint FILE{named}")
        if self.run:
            self.refuse_unheard(f"{command}: --run {self.run}")
        given = self._beside_a_run()
        if self.is_named:
            if self.overrides and not self.preset and not self.is_own:
                raise InputError(f"{command}: --set changes a preset: give --preset, not --model")
            return
        several = "more than one --checkpoint" if len(self.checkpoints) > 1 else None
        if unheard := given[0] if given else several:
            raise InputError(
                f"{command}: {unheard} is for --model or --preset only, which name a published "
                "model"
            )

    def refuse_unheard(self, trained: str) -> None:
        """Raise InputError for options that say what something `trained` by us says itself."""
        if given := self._beside_a_run():
            raise InputError(
                f"{trained} has its model and settings with it: leave {given[0]} out, or give "
                "--checkpoint FILE in place of --run for published weights"
            )

    def _beside_a_run(self) -> list[str]:
        """Return the options given that a run has no use for, but for the name of own code."""
        options = {
            "--model": self.model if not self.is_own else None,
            "--preset": self.preset,
            "--set": self.overrides,
            "--labels": self.labels,
            "--classes": self.classes,
        }
        return [name for name, value in options.items() if value]
