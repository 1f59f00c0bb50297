"""The COCO half: scenes painted, annotated and written as COCO 2017 does it."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image
from pycocotools import mask as rle

from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.synthetic.backdrops import backdrop
from vpo_builder.synthetic.figures import FIGURES, SOUNDING, crowd_of
from vpo_builder.synthetic.layout import Standing, Wish, set_down
from vpo_builder.synthetic.painting import paint
from vpo_builder.synthetic.scenes import PERSONS, Item, Scene
from vpo_builder.synthetic.shapes import clipped

Row = dict[str, Any]

_PIXELS = 4
"""The stream of random numbers that paints a scene; `scenes` and `recordings` have the others."""
_SUBSETS = ("train2017", "val2017")
_INFO = {
    "description": "Synthetic pictures in the format of COCO 2017, for trying and testing only",
    "url": "", "version": "1.0", "year": 2017, "contributor": "vpo_builder",
    "date_created": "2017/09/01",
}  # fmt: skip


@dataclass(frozen=True)
class _Object:
    item: Item
    standing: Standing
    annotation: Row


def write_pictures(folder: Path, scenes: Mapping[int, Scene], seed: int) -> None:
    """Write scenes by number: `annotations/*.json`, `train2017/*.jpg` and `val2017/*.jpg`."""
    tables: dict[str, dict[str, list[Row]]] = {
        subset: {"images": [], "instances": [], "captions": []} for subset in _SUBSETS
    }
    drawn = progress(scenes.items(), len(scenes), "drawing the synthetic pictures")
    for index, scene in drawn:
        table = tables[scene.subset]
        table["images"].append(_image_row(scene, index))
        table["captions"] += _caption_rows(scene, index)
        jpeg, rows = render(scene, seed, index)
        table["instances"] += rows
        if scene.awkward == "corrupt":
            jpeg = jpeg[: len(jpeg) // 3]
        if scene.awkward != "missing":
            write_atomically(folder / scene.subset / _file_name(scene), jpeg)
    for subset, table in tables.items():
        _write_tables(folder / "annotations", subset, table)


def render(scene: Scene, seed: int, index: int) -> tuple[bytes, list[Row]]:
    """Return the JPEG of a scene and its rows of the instance json."""
    rng = np.random.default_rng([seed, index, _PIXELS])
    size = (scene.width, scene.height)
    standing: list[Standing] = []
    for item in scene.items:
        figure = FIGURES[item.name]
        figure = crowd_of(figure) if item.form == "crowd" else figure
        wish = Wish(item.size, item.column, item.on_top)
        standing.append(set_down(figure, wish, size, standing, rng))
    objects = [
        _Object(item, one, _annotation(scene, item, one, index * 16 + number))
        for number, (item, one) in enumerate(zip(scene.items, standing, strict=True), start=1)
    ]
    # Clutter at the back, then the smaller on top: the rule of the masks (protocol §2).
    behind = sorted(objects, key=lambda o: (o.item.name in SOUNDING, -o.annotation["area"]))
    visible = [o.standing for o in behind if o.item.form != "no_area"]
    picture = paint(visible, backdrop(scene.place, size, rng), rng)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(82, 94)))
    return buffer.getvalue(), [o.annotation for o in objects]


def _annotation(scene: Scene, item: Item, one: Standing, number: int) -> Row:
    outlines = [clipped(p.points, scene.width, scene.height) for p in one.parts if not p.inside]
    polygons = [np.round(p, 2).ravel().tolist() for p in outlines if len(p) >= 3]
    merged = rle.merge(rle.frPyObjects(polygons, scene.height, scene.width))
    segmentation: Any = polygons
    bbox = _box(polygons)
    area = float(rle.area(merged))
    if item.form == "crowd":
        segmentation = _runs(rle.decode(merged))
        bbox = [float(side) for side in rle.toBbox(merged)]
    if item.form == "no_area":
        segmentation, area, bbox = [], 0.0, [bbox[0], bbox[1], 0.0, 0.0]
    return {
        "segmentation": segmentation,
        "area": area,
        "iscrowd": int(item.form == "crowd"),
        "image_id": scene.image_id,
        "bbox": bbox,
        "category_id": _ID_BY_NAME["person" if item.name in PERSONS else item.name],
        # COCO's crowds have ids of their own kind, 900100000000 + image id.
        "id": 900_100_000_000 + scene.image_id if item.form == "crowd" else number,
    }


def _box(polygons: Iterable[list[float]]) -> list[float]:
    points = np.concatenate([np.array(p).reshape(-1, 2) for p in polygons])
    low, high = points.min(axis=0), points.max(axis=0)
    return [float(side) for side in np.round(np.concatenate([low, high - low]), 2)]


def _runs(mask: npt.NDArray[np.uint8]) -> Row:
    """Return COCO's uncompressed RLE: run lengths down the columns, the first of background."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"counts": counts if flat[0] == 0 else [0, *counts], "size": list(mask.shape)}


def _image_row(scene: Scene, index: int) -> Row:
    url = f"http://example.invalid/synthetic/{scene.subset}/{_file_name(scene)}"
    return {
        "license": 1 + index % len(_LICENSES),
        "file_name": _file_name(scene),
        "coco_url": url,
        "height": scene.height,
        "width": scene.width,
        "date_captured": f"2013-11-{14 + index % 10} 1{index % 7}:02:{10 + index % 50}",
        "flickr_url": url,
        "id": scene.image_id,
    }


def _caption_rows(scene: Scene, index: int) -> list[Row]:
    return [
        {"image_id": scene.image_id, "id": index * 5 + number, "caption": caption}
        for number, caption in enumerate(scene.captions, start=1)
    ]


def _write_tables(folder: Path, subset: str, table: dict[str, list[Row]]) -> None:
    head = {"info": _INFO, "licenses": _LICENSES, "images": table["images"]}
    instances = {**head, "annotations": table["instances"], "categories": _CATEGORIES}
    captions = {**head, "annotations": table["captions"]}
    for kind, content in (("instances", instances), ("captions", captions)):
        write_atomically(folder / f"{kind}_{subset}.json", msgspec.json.encode(content))


def _file_name(scene: Scene) -> str:
    return f"{scene.image_id:012d}.jpg"


_LICENSES = [
    {"url": f"http://{url}", "id": number, "name": name}
    for number, (url, name) in enumerate(
        (
            ("creativecommons.org/licenses/by-nc-sa/2.0/",
             "Attribution-NonCommercial-ShareAlike License"),
            ("creativecommons.org/licenses/by-nc/2.0/", "Attribution-NonCommercial License"),
            ("creativecommons.org/licenses/by-nc-nd/2.0/",
             "Attribution-NonCommercial-NoDerivs License"),
            ("creativecommons.org/licenses/by/2.0/", "Attribution License"),
            ("creativecommons.org/licenses/by-sa/2.0/", "Attribution-ShareAlike License"),
            ("creativecommons.org/licenses/by-nd/2.0/", "Attribution-NoDerivs License"),
            ("flickr.com/commons/usage/", "No known copyright restrictions"),
            ("www.usa.gov/copyright.shtml", "United States Government Work"),
        ),
        start=1,
    )
]  # fmt: skip
"""COCO's eight, in its order and numbering."""

_NAMES_BY_GROUP = {
    "person": "1 person",
    "vehicle": "2 bicycle,3 car,4 motorcycle,5 airplane,6 bus,7 train,8 truck,9 boat",
    "outdoor": "10 traffic light,11 fire hydrant,13 stop sign,14 parking meter,15 bench",
    "animal": "16 bird,17 cat,18 dog,19 horse,20 sheep,21 cow,22 elephant,23 bear,24 zebra,"
    "25 giraffe",
    "accessory": "27 backpack,28 umbrella,31 handbag,32 tie,33 suitcase",
    "sports": "34 frisbee,35 skis,36 snowboard,37 sports ball,38 kite,39 baseball bat,"
    "40 baseball glove,41 skateboard,42 surfboard,43 tennis racket",
    "kitchen": "44 bottle,46 wine glass,47 cup,48 fork,49 knife,50 spoon,51 bowl",
    "food": "52 banana,53 apple,54 sandwich,55 orange,56 broccoli,57 carrot,58 hot dog,59 pizza,"
    "60 donut,61 cake",
    "furniture": "62 chair,63 couch,64 potted plant,65 bed,67 dining table,70 toilet",
    "electronic": "72 tv,73 laptop,74 mouse,75 remote,76 keyboard,77 cell phone",
    "appliance": "78 microwave,79 oven,80 toaster,81 sink,82 refrigerator",
    "indoor": "84 book,85 clock,86 vase,87 scissors,88 teddy bear,89 hair drier,90 toothbrush",
}
_CATEGORIES = [
    {"supercategory": group, "id": int(entry.split(" ", 1)[0]), "name": entry.split(" ", 1)[1]}
    for group, entries in _NAMES_BY_GROUP.items()
    for entry in entries.split(",")
]
"""COCO's 80 object categories with their published ids, which skip eleven numbers."""
_ID_BY_NAME: dict[str, int] = {str(row["name"]): int(str(row["id"])) for row in _CATEGORIES}
