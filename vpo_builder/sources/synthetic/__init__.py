"""A made-up corpus in the formats of COCO 2017 and VGGSound: for trying and testing only.

Drawn pictures and synthesised sounds of all 21 classes, seeded, with every awkward case that real
data holds (`scenes` and `recordings` list them). Figures measured on it say that the road from
sources to scores works, and nothing about photographs.

`scenes` says what is in a picture, `layout` where, `figures` (with `creatures`, `things` and
`shapes`) how it looks, `painting` and `backdrops` make pixels, `pictures` writes COCO's files.
`voices` (made of `sounds`) say what a class sounds like, `recordings` writes VGGSound's files.
"""

from vpo_builder.sources.synthetic.corpus import SyntheticCorpus, write_synthetic_corpus

__all__ = ["SyntheticCorpus", "write_synthetic_corpus"]
