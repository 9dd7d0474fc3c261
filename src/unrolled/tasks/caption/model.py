"""The network of a captioner. In: pixels, previous tokens. Out: scores of each next token.

    picture -> convolutions -> a grid of features with their positions -> keys
    text so far -> decoder, which attends to the keys -> scores

Attention over a grid is that of Xu et al. 2015. Next: `captioner`; `networks.decoder` has the
equations of the decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.data.canvas import Canvas
from unrolled.networks.decoder import Decoder, Memory
from unrolled.networks.encoder_decoder import EncoderDecoder
from unrolled.networks.picture_encoder import PictureEncoder, moved


class CaptionNetwork(EncoderDecoder):
    """A convolutional encoder, and a decoder that attends to its grid."""

    def __init__(
        self,
        cell: ChosenCell,
        canvas: Canvas,
        targets: int,
        *,
        channels: int,
        attention: str,
        input_feeding: bool,
        embedding: int,
        hidden: int,
        layers: int,
        dropout: float,
        augment: float,
    ) -> None:
        super().__init__()
        self.augment = augment
        self.encoder = PictureEncoder(canvas.height, canvas.width, canvas.channels, channels)
        keys = self.encoder.features
        # on the scale of the features: attention learns positions before contents
        self.rows = nn.Parameter(torch.randn(self.encoder.rows, keys))
        self.columns = nn.Parameter(torch.randn(self.encoder.columns, keys))
        self.drop = nn.Dropout(dropout)
        self.decoder = Decoder(
            cell, targets, keys, score=attention, embedding=embedding, hidden=hidden,
            layers=layers, dropout=dropout, input_feeding=input_feeding,
        )  # fmt: skip

    def read(self, *inputs: Tensor) -> Memory:
        """Pictures (B, height, width, C) of 8 bits."""
        (pictures,) = inputs
        pixels = pictures.permute(0, 3, 1, 2).float()
        if self.training and self.augment:
            pixels = moved(pixels, self.augment)
        grid = self.encoder(pixels).permute(2, 3, 0, 1)  # (rows, columns, B, features)
        placed = grid + self.rows[:, None, None] + self.columns[:, None]
        keys = placed.flatten(0, 1)
        lengths = torch.full((len(pictures),), len(keys), device=keys.device)
        return self.decoder.remember(self.drop(keys), lengths)
