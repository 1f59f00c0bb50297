"""The contrastive term of a batch whose features come in parts, from one process or several.

The term ties every chosen pixel of the batch to every other, so it is no sum over parts. But it
depends on the model through the chosen embeddings alone: once those of all parts are known, so is
the slope at each of them, and that is all a part needs to go backward (gradient caching, Gao et
al. 2021, arXiv 2101.06983). The gradient is that of the whole batch.
"""

from torch import Tensor

from avs_bench.losses.contrastive import Places, embeddings_at
from avs_bench.losses.info_nce import info_nce_and_slopes
from avs_bench.runtime.processes import Processes


class Contrast:
    """Collects the embeddings at `places` of `images` images, then hands back their slopes.

    Rows are counted over the whole batch, of which each process sees its share.
    """

    def __init__(self, places: Places, images: int, processes: Processes) -> None:
        self._places, self._images, self._processes = places, images, processes
        self._embeddings: Tensor | None = None

    def collect(self, features: Tensor, rows: slice) -> None:
        """Keep the embeddings chosen from features [2n, D, h, w] of the n images `rows`."""
        here, embeddings = embeddings_at(features.detach(), self._places, rows, self._images)
        if self._embeddings is None:
            count = len(self._places.labels)
            self._embeddings = embeddings.new_zeros(count, embeddings.shape[1])
        self._embeddings[here] = embeddings

    def take_loss(self, temperature: float) -> None:
        """Compute the loss of all that was collected, and its slopes, on every process."""
        assert self._embeddings is not None, "some features were collected before"
        everywhere = self._processes.total(self._embeddings)
        self._loss, self._slopes = info_nce_and_slopes(everywhere, self._places.labels, temperature)

    def term(self, features: Tensor, rows: slice) -> Tensor:
        """Return a term for the images `rows`: the terms of all images add up to the loss.

        Their gradients add up to its gradient, too.
        """
        here, embeddings = embeddings_at(features, self._places, rows, self._images)
        slope = (embeddings * self._slopes[here]).sum()
        share: float = (rows.stop - rows.start) / self._images
        return slope - slope.detach() + share * self._loss
