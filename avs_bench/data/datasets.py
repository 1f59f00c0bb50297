"""Opens any dataset that the toolkit knows by what lies in its folder."""

from pathlib import Path

from avs_bench.data.avsbench import avsbench_dataset
from avs_bench.data.example import AVSDataset
from avs_bench.data.vpo import read_vpo
from vpo_builder.dataset.avsbench_trees import FORMATS, find_trees
from vpo_builder.dataset.manifest import MANIFEST, META, refuse_output_folder
from vpo_builder.dataset.published_lists import holds_published_copy
from vpo_builder.runtime.errors import InputError


def read_dataset(folder: Path) -> AVSDataset:
    """Return the dataset in `folder`: one that vpo-build made, or a part of AVSBench.

    VPO and Single+ have a manifest; S4, MS3 and AVSS are read as published, from the folder of
    their csv or the one above it. Raises InputError if the folder holds none of them, several, or
    one that is unfinished or edited.
    """
    if not folder.is_dir():
        seen = "is a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {seen}: expected a dataset, such as data/VPO/VPO-SS")
    if any((folder / name).exists() for name in (MANIFEST, META)):
        return read_vpo(folder)
    trees = find_trees(folder)
    if not trees:
        refuse_output_folder(folder)
    if not trees and holds_published_copy(folder):
        raise InputError(
            f"{folder}: a published copy of VPO, without a manifest: run vpo-data import {folder} "
            "--out DIR, which changes nothing there, and give DIR/VPO/VPO-SS, -MS or -MSMI"
        )
    if not trees:
        lists = ", ".join(published.csv for published in FORMATS.values())
        raise InputError(
            f"{folder}: no {META}, so no dataset that vpo-build finished, and none of AVSBench's "
            f"lists ({lists}): give the folder that holds one of them"
        )
    if len(trees) > 1:
        found = ", ".join(f"{tree.part} ({tree.csv.parent})" for tree in trees)
        raise InputError(f"{folder}: holds {found}: give the folder of one")
    return avsbench_dataset(trees[0])
