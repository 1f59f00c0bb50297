"""Card, attribution and Croissant description: the ecosystem's own tools read them."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builder.dataset_by_hand import finish
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.sound_credits import SoundCredit
from vpo_builder.documents.attribution import clip_page, read_licences
from vpo_builder.documents.documents import (
    ATTRIBUTION,
    CARD,
    CROISSANT,
    Attribution,
    render_documents,
)
from vpo_builder.documents.licences import Licence, conditions, count_licences
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.verify import verify

CC = "http://creativecommons.org/licenses/"
NC_SA = ("Attribution-NonCommercial-ShareAlike License", f"{CC}by-nc-sa/2.0/")
ND = ("Attribution-NoDerivs License", f"{CC}by-nd/2.0/")
BY = ("Attribution License", f"{CC}by/2.0/")
COMMONS = ("No known copyright restrictions", "http://flickr.com/commons/usage/")
FLICKR = "http://farm7.staticflickr.com/6116/6255196340_da26cf2c9e_z.jpg"
ATTRIBUTIONS = [
    Attribution(number, *licence, FLICKR, f"http://images.cocodataset.org/{number}.jpg")
    for number, licence in enumerate([BY, NC_SA, ND, BY, BY, COMMONS, *[BY] * 10])
]


def documents_of(folder: Path) -> dict[str, bytes]:
    return render_documents(read_manifest(folder), ATTRIBUTIONS)


def write_documents(folder: Path) -> None:
    manifest = read_manifest(folder)
    for name, data in render_documents(manifest, ATTRIBUTIONS).items():
        (folder / name).write_bytes(data)
    finish(folder, manifest.meta.split, manifest.samples)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_1_1_is_valid_and_its_records_are_the_samples(small_duets: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    first, *others = read_manifest(small_duets).samples
    # A pan that parsers of JSON lines read as 0.7727269999999999.
    moved = replace(first, sources=(replace(first.sources[0], pan=0.772727), *first.sources[1:]))
    finish(small_duets, "ms", [moved, *others])
    write_documents(small_duets)
    described = mlcroissant.Dataset(jsonld=str(small_duets / CROISSANT))
    issues = described.metadata.issues
    assert not issues.errors
    assert not issues.warnings
    conforms = json.loads((small_duets / CROISSANT).read_text())["conformsTo"]
    assert [version.rpartition("croissant/")[2] for version in conforms] == ["1.1", "RAI/1.0"]
    assert described.metadata.ctx.conforms_to.value.endswith("/1.1")
    samples = read_manifest(small_duets).samples
    records = list(described.records("samples"))
    assert len(records) == len(samples)
    for record, sample in zip(records, samples, strict=True):
        assert record["samples/sample_id"].decode() == sample.sample_id
        assert record["samples/mask"].decode() == sample.mask
        assert record["samples/image_id"] == sample.image_id
        assert record["samples/pans"] == [source.pan for source in sample.sources]
        assert record["samples/image"].decode() == sample.image
        assert record["samples/ann_ids"] == [source.ann_id for source in sample.sources]
        clips = [small_duets / clip.decode() for clip in record["samples/clips"]]
        assert [clip.name for clip in clips] == [f"{s.clip_id}.wav" for s in sample.sources]
        assert all(clip.is_file() for clip in clips)


def test_the_patterns_of_croissant_s_file_sets_match_the_files(small_dataset: Path) -> None:
    write_documents(small_dataset)
    described = json.loads((small_dataset / CROISSANT).read_text())
    samples = read_manifest(small_dataset).samples
    for file_set in described["distribution"][2:]:
        found = {path for glob in file_set["includes"] for path in small_dataset.glob(glob)}
        if file_set["@id"] == "images":
            assert found == {small_dataset / sample.image for sample in samples}
        assert len(found) == 8


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_tells_what_responsible_use_asks_for(small_dataset: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    write_documents(small_dataset)
    told = mlcroissant.Dataset(jsonld=str(small_dataset / CROISSANT)).metadata
    assert told.data_collection_type == ["Others"]
    assert "drawn" in told.data_collection
    assert told.date_published.isoformat() == "2023-04-06T00:00:00"
    for field in (
        *("data_annotation_protocol", "data_biases", "data_collection_missing_data"),
        *("data_limitations", "data_preprocessing_protocol", "data_release_maintenance_plan"),
        *("data_use_cases", "personal_sensitive_information"),
    ):
        assert getattr(told, field), field
    manifest = read_manifest(small_dataset)
    real = Manifest(manifest.folder, replace(manifest.meta, synthetic=False), manifest.samples)
    described = json.loads(render_documents(real, ATTRIBUTIONS)[CROISSANT])
    assert described["rai:dataCollectionType"] == ["Secondary Data analysis"]
    assert "COCO" in described["rai:dataCollection"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_card_s_front_matter_is_read_by_the_hub_s_library(small_dataset: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.DatasetCard(documents_of(small_dataset)[CARD].decode()).data.to_dict()
    assert data["pretty_name"] == "VPO-SS"
    assert data["license_link"] == ATTRIBUTION
    assert data["task_categories"] == ["image-segmentation"]
    assert data["size_categories"] == ["n<1K"]
    assert "synthetic" in data["tags"]


def test_the_card_counts_names_and_warns(small_dataset: Path) -> None:
    card = documents_of(small_dataset)[CARD].decode()
    assert "| cat | animal | 1 | 1 | 1 | 3 |" in card
    assert "| bus |" not in card
    assert "Fewer than 20 test samples" in card
    assert "**This is the synthetic corpus.**" in card
    assert "The strictest in force is **Attribution-NoDerivs License**" in card
    assert "attribution, non-commercial use, no derivatives, share-alike" in card
    assert not re.search(r"{{ |{% ", card)
    real = read_manifest(small_dataset)
    real = Manifest(real.folder, replace(real.meta, synthetic=False), real.samples)
    assert "synthetic" not in render_documents(real, ATTRIBUTIONS)[CARD].decode()


def test_attribution_names_every_image_and_every_clip_once(small_dataset: Path) -> None:
    manifest = read_manifest(small_dataset)
    real = Manifest(manifest.folder, replace(manifest.meta, synthetic=False), manifest.samples)
    text = render_documents(real, ATTRIBUTIONS)[ATTRIBUTION].decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    images = [row for row in rows if row["kind"] == "image"]
    assert [row["id"] for row in images] == [f"{number:012d}" for number in range(1, 9)]
    assert images[0]["license_url"] == NC_SA[1]
    assert images[0]["author_page"] == "https://www.flickr.com/photo.gne?id=6255196340"
    clips = {row["id"]: row["author_page"] for row in rows if row["kind"] == "clip"}
    assert len(clips) == 8
    assert clips["-aaaaaaaaaa_000010"] == "https://www.youtube.com/watch?v=-aaaaaaaaaa&t=10s"


def test_a_credited_recording_has_its_own_page_even_under_youtubes_kind_of_name(
    small_dataset: Path,
) -> None:
    manifest = read_manifest(small_dataset)
    real = Manifest(manifest.folder, replace(manifest.meta, synthetic=False), manifest.samples)
    own, formula = "-aaaaaaaaaa_000010", "ddddddddddd_000000"
    credits = {
        own: SoundCredit(own, "anna", "mine.csv", "CC0 1.0", f"{CC}zero", page="https://a.org/1"),
        formula: SoundCredit(formula, "anna", "mine.csv", "=HYPERLINK(1)"),
    }
    documents = render_documents(real, ATTRIBUTIONS, credits)
    rows = csv.DictReader(io.StringIO(documents[ATTRIBUTION].decode()))
    told = {row["id"]: (row["license"], row["author_page"]) for row in rows}
    assert told[own] == ("CC0 1.0", "https://a.org/1")
    assert told[formula] == ("'=HYPERLINK(1)", "")
    assert told["bbbbbbbbbbb_000020"][1].startswith("https://www.youtube.com/watch?v=bbbbbbbbbbb")
    assert "a recording of VGGSound and mine.csv is paired" in documents[CARD].decode()


def test_licences_written_are_licences_read(small_dataset: Path) -> None:
    write_documents(small_dataset)
    assert verify(small_dataset).faults == ()
    licences = read_licences(small_dataset)
    assert licences == {row.image_id: row.license_name for row in ATTRIBUTIONS[1:9]}
    (small_dataset / ATTRIBUTION).write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns"):
        read_licences(small_dataset)
    (small_dataset / ATTRIBUTION).unlink()
    assert read_licences(small_dataset) == {}


def test_documents_depend_on_the_records_alone(small_dataset: Path) -> None:
    manifest = read_manifest(small_dataset)
    shuffled = render_documents(manifest, ATTRIBUTIONS[::-1])
    assert shuffled == render_documents(manifest, ATTRIBUTIONS)


def test_a_licence_outside_the_tables_is_unknown_and_comes_first() -> None:
    own = ("All rights reserved", "https://example.org/terms")
    licences = count_licences([BY, own, NC_SA, BY, COMMONS])
    assert [row.name for row in licences] == [own[0], NC_SA[0], BY[0], COMMONS[0]]
    assert [row.files for row in licences] == [1, 1, 2, 1]
    assert [row.terms for row in licences] == [None, "by-nc-sa", "by", ""]
    zero = Licence("CC0", "https://creativecommons.org/publicdomain/zero/1.0/", 1)
    assert zero.terms == ""
    assert conditions([zero]) == ()


@pytest.mark.parametrize(
    "url",
    [
        r"http:\/\/creativecommons.org\/licenses\/by\/2.0\/",
        "https://example.org/creativecommons.org/licenses/by/2.0/",
        f"{CC}sampling/1.0/",
        "http://flickr.com/commons/usage-fee",
        "",
    ],
)
def test_an_address_that_only_looks_like_a_known_licence_s_is_unknown(
    small_dataset: Path, url: str
) -> None:
    other = Attribution(1, BY[0], url, "", "")
    rows = [other, *ATTRIBUTIONS[2:]]
    card = render_documents(read_manifest(small_dataset), rows)[CARD].decode()
    assert "The strictest in force is **unknown: Attribution License**" in card
    assert "| unknown: Attribution License |" in card
    assert "What an unknown licence asks for comes on top" in card


def test_licences_from_outside_are_neither_formula_nor_markup(small_dataset: Path) -> None:
    name, url = "=HYPERLINK(1)|<script>\x1b[2J\n# b*", "-2+cmd|'x'!A0 [a](javascript:b)"
    rows = [Attribution(n, name, url, "@" + url, "+" + url) for n in range(9)]
    documents = render_documents(read_manifest(small_dataset), rows)
    csv_rows = list(csv.DictReader(io.StringIO(documents[ATTRIBUTION].decode())))
    cells = [value for row in csv_rows if row["kind"] == "image" for value in row.values()]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@")]
    card = documents[CARD].decode()
    assert "\x1b" not in card
    assert r"unknown: =HYPERLINK(1)\|&lt;script&gt;\\x1b\[2J \# b\*" in card
    assert r"-2+cmd\|'x'!A0 \[a\](javascript:b)" in card
    assert "<script>" not in card


def test_ids_that_are_not_youtube_s_have_no_page() -> None:
    assert clip_page("short_000001") == ""
    assert clip_page("0pJqpNjft4a_000267").endswith("v=0pJqpNjft4a&t=267s")
