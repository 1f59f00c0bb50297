"""AVSegFormer's queries: made from the sound, then asked of the picture."""

from torch import Tensor, nn

from avs_bench.models.query_attention import QueryLayer

QUERIES = 300


class QueryGenerator(nn.Module):
    """Learned queries that listen to one audio token (avsegformer.md, Network 7)."""

    def __init__(
        self, width: int, hidden: int = 1024, depth: int = 6, queries: int = QUERIES
    ) -> None:
        super().__init__()
        self.query = nn.Embedding(queries, width)
        self.layers = nn.ModuleList(
            QueryLayer(width, hidden, bias=False, dropout=0.0) for _ in range(depth)
        )

    def forward(self, audio: Tensor) -> Tensor:
        """Return queries [N, 300, width] for audio tokens [N, 1, width]."""
        queries = self.query.weight.repeat(audio.shape[0], 1, 1)
        for layer in self.layers:
            queries = layer(queries, audio)
        return queries


class QueryDecoder(nn.Module):
    """Queries that look at the places of the picture (avsegformer.md, Network 8)."""

    def __init__(
        self,
        width: int,
        hidden: int = 2048,
        depth: int = 6,
        queries: int = QUERIES,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.query = nn.Embedding(queries, width)
        self.layers = nn.ModuleList(
            QueryLayer(width, hidden, bias=True, dropout=dropout) for _ in range(depth)
        )

    def forward(self, queries: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the queries [N, 300, width] after the last layer, and those that it was given."""
        asking = queries + self.query.weight
        given = asking
        for layer in self.layers:
            given, asking = asking, layer(asking, tokens)
        return asking, given

    def attention(self, given: Tensor, tokens: Tensor) -> Tensor:
        """Return the mean over the queries of where the last layer looks: [N, heads, L]."""
        last = self.layers[-1]
        assert isinstance(last, QueryLayer), "they are all query layers"
        return last.looks_at(given, tokens).mean(dim=2)
