"""Tables of others: a quote that is never closed makes one cell of the rest of a large one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vpo_builder.classes import CLASS_TABLE, read_class_table
from vpo_builder.config import load_config
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.authors_archive import read_authors_list
from vpo_builder.sources.image_sources import read_image_sources
from vpo_builder.sources.vggsound import known_labels, read_vggsound
from vpo_builder.sources.vggsounder import read_vggsounder

OPEN = '"' + "x" * 140_000


def authors_list(path: Path) -> object:
    return read_authors_list(path, "ss", (), {})


def table_of_vggsound(path: Path) -> object:
    path.rename(path.with_name("vggsound.csv"))
    (path.parent / "audios").mkdir()
    return read_vggsound(path.parent, frozenset())


@pytest.mark.parametrize(
    ("read", "header"),
    [
        (read_vggsounder, "video_id,label,modality"),
        (authors_list, "img_Id,ann_Ids,cateName,cateId,vgg_file,split,audio_pos,multi_instance"),
        (table_of_vggsound, "abcdefghijk,0,dog barking,train"),
    ],
)
@pytest.mark.parametrize("line", [1, 2])
def test_a_quote_that_is_never_closed_is_told_with_its_line(
    read: Callable[[Path], object], header: str, line: int, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(OPEN if line == 1 else f"{header}\n{OPEN}")
    with pytest.raises(InputError, match=f"csv, line {line}: .*field larger than field limit"):
        read(path)


def test_a_byte_order_mark_before_a_toml_is_no_text(tmp_path: Path) -> None:
    mark, path = b"\xef\xbb\xbf", tmp_path / "own.toml"
    path.write_bytes(mark + CLASS_TABLE.read_bytes())
    assert read_class_table(path, "captions", known_labels()) == read_class_table(
        CLASS_TABLE, "captions", known_labels()
    )
    path.write_bytes(mark + b'[[images]]\nmasks = "a"\npictures = "b"\n')
    assert [source.name for source in read_image_sources(path)] == ["a"]
    path.write_bytes(mark + b'extends = "default"\n[audio]\nseconds = 5.0\n')
    assert load_config(str(path)).audio.seconds == 5.0
