"""Does contrastive audio-visual pairing make a model listen? The study behind docs/listening.md.

`make listen` builds a synthetic VPO-SS whose pictures hold silent objects beside the sounding one
and whose test pictures come with several sounds, trains every variant with every seed under one
budget, scores each on test with the right sound, with silence, with noise and with a class that
is not in the picture, and writes the document. Settings were chosen on val. A run that is stopped
goes on where it was: finished jobs are kept, the others resume from their last checkpoint.
"""
