"""What was asked of `vpo-build`: one record, checked and resolved in one place."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from vpo_builder.commands.option_records import Choices, Fetching, Folders, Running, What
from vpo_builder.dataset.schema import SPLITS, Split
from vpo_builder.runtime.errors import InputError

if TYPE_CHECKING:
    from vpo_builder.build.request import BuildRequest
    from vpo_builder.config import BuildConfig, SinglePlusConfig
    from vpo_builder.dataset.manifest import Manifest
    from vpo_builder.fetching.fetch_request import FetchOptions

FETCH_SETTING = "--set fetch.…"
HOW_TO_FETCH = ("--clip-url", "--cookies", "--proxy", "--rate", "--retry", FETCH_SETTING)
ONLY_OF_VPO = (
    *("--coco", "--vggsound", "--vggsound-csv", "--vggsounder", "--sounds"),
    *("--classes", "--allow-substitutes", "--seed", "--exclude", "--images"),
    *("--download", "--plan", "--shard", "--merge", *HOW_TO_FETCH),
)


@dataclass(frozen=True)
class Asked:
    """Everything that was asked of `vpo-build`."""

    what: What
    sources: Folders
    choices: Choices
    fetching: Fetching
    running: Running

    def request(self) -> "BuildRequest[Any]":
        """Return the request for a build, its manifest and settings read.

        Raises InputError for options that contradict each other, and for files that cannot be
        read.
        """
        from vpo_builder.build.from_manifest import read_published
        from vpo_builder.build.request import BuildRequest, Sources
        from vpo_builder.classes import class_table_of

        what, choices, sources = self.what, self.choices, self.sources
        manifest = None if what.from_manifest is None else read_published(what.from_manifest)
        split = what.split if manifest is None else manifest.meta.split
        if split is None:
            raise InputError(f"--split is missing: choose one of {', '.join(SPLITS)}")
        self.refuse_contradictions(split)
        return BuildRequest(
            split=split,
            out=what.out,
            sources=Sources(
                coco=sources.coco,
                vggsound=sources.vggsound,
                avsbench=sources.avsbench,
                vggsounder=sources.vggsounder,
                vggsound_csv=sources.vggsound_csv,
                sounds=sources.sounds,
                exclude=sources.exclude,
                images=sources.images,
                class_table=class_table_of(choices.classes, choices.preset),
            ),
            config=self._config(split, manifest),
            seed=(choices.seed or 0) if manifest is None else manifest.meta.seed,
            work=self.running.work(),
            published=manifest,
            allow_substitutes=what.allow_substitutes,
        )

    @property
    def fetches(self) -> bool:
        """Whether something is fetched, or would be."""
        return self.fetching.download or self.fetching.plan

    def fetch_options(self) -> "FetchOptions | None":
        """Return how things are fetched, None if nothing is."""
        return self.fetching.options(self.choices.overrides.fetching) if self.fetches else None

    def refuse_contradictions(self, split: Split) -> None:
        """Raise InputError for an option that the others leave nothing to say, for a split."""
        out, wanted = self.what.out, self.what.split
        if out.exists() and not out.is_dir():
            raise InputError(f"{out}: is a file: --out needs a folder, existing or new")
        if wanted not in (None, split):
            raise InputError(f"--split {wanted}: the manifest is of {split}: leave --split out")
        given = list(self._given())
        for flags, why in self._contradicted(split):
            for flag in given:
                if flag in flags:
                    raise InputError(f"{flag}: {why}")
        self._refuse_half_of_the_sources()

    def _refuse_half_of_the_sources(self) -> None:
        sources = self.sources
        seen = {"--coco": sources.coco, "--images": sources.images}
        heard = {"--vggsound": sources.vggsound, "--sounds": sources.sounds}
        pictures, sounds = (
            [flag for flag, value in given.items() if value] for given in (seen, heard)
        )
        if self.fetches or bool(pictures) == bool(sounds):
            return
        first, missing = (*pictures, *sounds)[0], "--vggsound" if pictures else "--coco"
        others = ", or recordings by --sounds" if pictures else ""
        raise InputError(
            f"{first} without {missing}: give both folders{others}, or add --download, or none of "
            "these for synthetic"
        )

    def _given(self) -> Iterator[str]:
        """Yield the options that were given, as the user writes them."""
        for part in (self.what, self.sources, self.choices, self.fetching):
            for field in fields(part):
                value = getattr(part, field.name)
                if value not in (None, ()) and value is not False and field.name != "overrides":
                    yield f"--{field.name.replace('_', '-')}"
        if self.choices.overrides.dataset:
            yield "--set"
        if self.choices.overrides.fetching:
            yield FETCH_SETTING

    def _contradicted(self, split: Split) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield options that may not be given beside the others, and why."""
        fetching, sources = self.fetching, self.sources
        if self.what.from_manifest is not None:
            yield (
                ("--preset", "--set", "--seed", "--exclude"),
                "--from-manifest takes it from the manifest: leave it out",
            )
            in_one_go = "a manifest is built again in one go: leave it out"
            yield ("--plan", "--shard", "--merge"), in_one_go
        else:
            why = "a manifest's clips are what is replaced: add --from-manifest, or leave it out"
            yield ("--allow-substitutes",), why
        if split == "avsbench-single-plus":
            why = f"{split} is made of S4 alone, given by --avsbench: leave it out"
            yield ONLY_OF_VPO, why
        else:
            why = f"--split {split} is made of COCO and VGGSound: leave it out"
            yield ("--avsbench",), why
        if self.fetches:
            yield ("--images",), "what is fetched is COCO's: leave it out, or --download and --plan"
        if sources.sounds and sources.vggsound is None:
            why = "the recordings are those of --sounds: add --vggsound, or leave it out"
            yield ("--vggsound-csv", "--vggsounder"), why
        if fetching.plan:
            yield ("--shard", "--merge"), "--plan builds nothing: leave one of them out"
        elif not fetching.download:
            yield HOW_TO_FETCH, "nothing is fetched without --download: add that"
            if not (sources.coco or sources.images or sources.vggsound or sources.sounds):
                why = "no sources: give --coco and --vggsound, or --download"
                yield ("--shard", "--merge"), why
        if fetching.shard is not None:
            yield ("--merge",), "--shard does a share, --merge unites them: leave one of them out"

    def _config(
        self, split: Split, manifest: "Manifest | None"
    ) -> "BuildConfig | SinglePlusConfig":
        from vpo_builder.config import (
            BuildConfig,
            SinglePlusConfig,
            load_config,
            load_single_plus_config,
        )
        from vpo_builder.runtime.settings import from_tree

        single = split == "avsbench-single-plus"
        if manifest is not None:
            kind: type[BuildConfig | SinglePlusConfig] = SinglePlusConfig if single else BuildConfig
            return from_tree(kind, manifest.meta.config, f"{manifest.folder}: its config")
        load = load_single_plus_config if single else load_config
        return load(self.choices.preset or "default", self.choices.overrides.dataset)
