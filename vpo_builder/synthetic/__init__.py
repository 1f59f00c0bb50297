"""A made-up corpus in the formats of COCO 2017 and VGGSound: for trying and testing only.

Drawn pictures and synthesised sounds of all 21 classes, seeded, with every awkward case that real
data holds (`scenes` and `recordings` list them). Figures measured on it say that the road from
sources to scores works, and nothing about photographs.

`scenes` says what is in a picture and `layout` where; `figures` is the table of how it looks, made
of silhouettes (`animals`, `people`, `vehicles`, `goods`, drawn with `shapes`) and `textures`;
`painting` and `backdrops` make pixels, `pictures` writes COCO's files. `voices` is the table of
what a class sounds like (`cries`, `noises`, made of `sounds`); `recordings` writes VGGSound's
files. `avsbench` writes a tree like AVSBench's S4 with the same figures and voices.
"""

from vpo_builder.synthetic.corpus import SyntheticCorpus, write_synthetic_corpus
from vpo_builder.synthetic.s4 import write_synthetic_s4

__all__ = ["SyntheticCorpus", "write_synthetic_corpus", "write_synthetic_s4"]
