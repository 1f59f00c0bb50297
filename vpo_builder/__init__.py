"""Builds the VPO audio-visual segmentation datasets from COCO masks and VGGSound clips."""
