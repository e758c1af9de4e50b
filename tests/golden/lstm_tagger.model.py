"""A tagger of words, after Graves and Schmidhuber (2005): an LSTM reads the sentence
both ways.
"""

from torch import Tensor, nn


class LSTMTagger(nn.Module):
    """Map words int64 (N, T) to logits (N, T, tags); 2.64M parameters by default."""

    def __init__(
        self,
        vocab: int = 20000,
        dim: int = 100,
        hidden: int = 128,
        depth: int = 2,
        tags: int = 17,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, dim, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(
            dim,
            hidden,
            num_layers=depth,
            batch_first=True,
            dropout=dropout if depth > 1 else 0.0,
            bidirectional=True,
        )
        self.head = nn.Linear(2 * hidden, tags)

    def forward(self, words: Tensor) -> Tensor:
        x = self.dropout(self.embed(words))  # T x dim
        states, _ = self.lstm(x)
        logits: Tensor = self.head(self.dropout(states))  # T x tags
        return logits
