"""`from avs_bench import …`: what a program of the user's own meets."""

import doctest
import importlib
import pickle
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader

import avs_bench
from avs_bench import evaluate, fit, open_dataset, open_model
from avs_bench.commands import library
from avs_bench.data import example
from vpo_builder.dataset.schema import SUBSETS
from vpo_builder.runtime.errors import InputError


def test_names_are_handed_on_where_they_are_used_first():
    code = (
        "import sys, avs_bench, avs_bench.metrics\n"
        "assert 'torch' not in sys.modules, 'importing it costs seconds'\n"
        "from avs_bench import open_dataset, score\n"
        "assert 'torch' not in sys.modules, 'these two need none'\n"
        "assert 'fit' in dir(avs_bench) or 'fit' in avs_bench.__all__\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert avs_bench.fit is library.fit
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        importlib.import_module("avs_bench").fitt  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'fitt'"):
        exec("from avs_bench import fitt")


def test_what_checkers_see_is_what_there_is():
    text = (importlib.resources.files("avs_bench") / "__init__.py").read_text()
    seen = text.partition("TYPE_CHECKING:\n")[2].partition("\n\n")[0]
    for name in avs_bench.__all__:
        assert getattr(avs_bench, name).__doc__, name
        assert f" {name}" in seen


def test_the_examples_of_the_docstrings_hold(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder == tmp_path / "data" / "VPO" / "VPO-SS"
    small = {"image.long_side": 48, "image.crop": 32, "train.epochs": 1, "train.batch_size": 2}
    fit(open_dataset(folder), "run", preset="tiny", settings=small, announce=lambda line: None)
    tried = 0
    for module in (avs_bench, library, example):
        names = {"open_dataset": open_dataset, "open_model": open_model}
        done = doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS)
        assert not done.failed
        tried += done.attempted
    assert tried >= 20


class TestDataset:
    def test_is_a_sequence_of_its_examples(self, dataset):
        listed = [one for subset in SUBSETS for one in dataset.subsets[subset]]
        assert (len(dataset), list(dataset), dataset[0], dataset[-1]) == (
            *(8, listed),
            *(listed[0], listed[-1]),
        )
        with pytest.raises(IndexError):
            dataset[8]

    def test_is_one_of_torch_by_subset(self, dataset):
        test = dataset.torch("test")
        assert isinstance(test, torch.utils.data.Dataset)
        assert len(test) == 3
        item = test[0]
        assert item["id"] == dataset.subsets["test"][0].example_id
        assert (item["image"].shape, item["image"].dtype) == ((3, 64, 96), torch.uint8)
        assert (item["target"].shape, item["target"].dtype) == ((64, 96), torch.int64)
        assert set(item["target"].unique().tolist()) == {0, 3}
        assert (item["waveform"].shape, item["waveform"].dtype) == ((1, 48_000), torch.float32)
        assert item["sounding"].tolist() == [index == 3 for index in range(7)]
        with pytest.raises(InputError, match="no subset 'tests': choose one of train, val, test"):
            dataset.torch("tests")
        with pytest.raises(IndexError):
            test[3]

    def test_has_the_size_and_the_sound_that_is_asked_for(self, dataset):
        wide = dataset.torch("train", side=48, seconds=1, channels=2)[0]
        assert wide["image"].shape[1:] == wide["target"].shape == (32, 48)
        assert wide["waveform"].shape == (2, 16_000)
        square = dataset.torch("train", side=48, stretched=True)[0]
        assert square["image"].shape[1:] == square["target"].shape == (48, 48)

    def test_pictures_of_several_sizes_are_padded(self, dataset):
        train = dataset.torch("train")
        small, large = dataset.torch("train", side=48)[0], train[1]
        batch = train.collate([small, large])
        assert batch["image"].shape == (2, 3, 64, 96)
        assert torch.equal(batch["image"][0, :, :32, :48], small["image"])
        assert batch["image"][0, :, 32:].eq(0).all()
        assert batch["target"][0, :, 48:].eq(255).all()
        assert batch["target"][0, 32:].eq(255).all()
        assert torch.equal(batch["target"][1], large["target"])
        assert batch["id"] == [small["id"], large["id"]]

    def test_is_read_by_the_workers_of_any_loader(self, dataset):
        train = dataset.torch("train", side=48, stretched=True)
        options = {"batch_size": 2, "collate_fn": train.collate}
        here = list(DataLoader(train, **options))
        for method in ("fork", "spawn"):
            loader = DataLoader(train, num_workers=1, multiprocessing_context=method, **options)
            for one, other in zip(here, loader, strict=True):
                assert one["id"] == other["id"]
                assert torch.equal(one["image"], other["image"])
                assert torch.equal(one["waveform"], other["waveform"])
        default = next(iter(DataLoader(train, batch_size=2)))  # torch's own collate does too
        assert torch.equal(default["target"], here[0]["target"])
        again = pickle.loads(pickle.dumps(train))
        assert torch.equal(again[3]["waveform"], train[3]["waveform"])

    def test_a_file_that_is_gone_is_one_line(self, dataset):
        dataset.subsets["train"][0].image.unlink()
        with pytest.raises(InputError, match="no such file, though the dataset lists it"):
            dataset.torch("train")[0]


class Grey(torch.nn.Module):
    """Everything may be anything."""

    def forward(self, images, sounds):
        return images.new_zeros(len(images), 7, 2, 2)


def test_a_module_without_weights_is_scored(dataset):
    figures = evaluate(Grey(), dataset, families=["frame"]).figures
    assert 0 < float(figures["miou_dataset"]) < 0.2


def test_a_name_that_is_none_and_a_folder_without_data_are_input_errors(dataset, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        open_dataset(str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="--preset is missing"):
        fit(dataset, tmp_path / "run")
    with pytest.raises(InputError, match=r"unknown setting 'train\.epoch'"):
        fit(dataset, tmp_path / "run", preset="tiny", settings={"train.epoch": 1})
    with pytest.raises(InputError, match="no probe 'silents'"):
        evaluate(Grey(), dataset, probes=["silents"])
