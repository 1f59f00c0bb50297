"""The builds themselves: VPO, VPO from a manifest, Single+."""
