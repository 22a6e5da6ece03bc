"""The network of `attention-tess` in plain PyTorch, as a user would write it there.

The same layers, penalty, dropout, averages and optimizer; PyTorch's LSTM has a second bias.
"""

from __future__ import annotations

import contextlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional

L2 = 0.01
BATCH = 64


class Block(nn.Module):
    """Convolution, normalisation, rectifier, pooling with "same" padding, dropout."""

    def __init__(self, channels: int, filters: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, 3, padding=1)
        self.norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)  # Keras calls it 0.99
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        return self.dropout(self.pool(functional.relu(self.norm(self.conv(x)))))


class Network(nn.Module):
    """Network from (batch, 1, 40, 130) to scores (batch, classes), before the softmax."""

    def __init__(self, classes: int = 7, filters: int = 64, units: int = 32):
        super().__init__()
        self.blocks = nn.Sequential(Block(1, filters), *(Block(filters, filters) for _ in "234"))
        self.lstm = nn.LSTM(9 * filters, units, batch_first=True)
        self.score = nn.Linear(units, units)
        self.query = nn.Linear(units, 1, bias=False)
        self.second_lstm = nn.LSTM(units, units, batch_first=True)
        self.emotion = nn.Linear(units, classes)

    def forward(self, x):
        x = self.blocks(x)  # (batch, filters, 3, 9)
        x = x.permute(0, 2, 3, 1).flatten(2)  # (batch, 3, 9 x filters)
        x, _ = self.lstm(x)  # (batch, 3, units)
        weights = self.query(torch.tanh(self.score(x))).softmax(dim=1)  # (batch, 3, 1)
        pooled = (weights * x).sum(dim=1, keepdim=True)  # (batch, 1, units)
        x, _ = self.second_lstm(pooled)
        return self.emotion(x[:, 0])

    def penalty(self):
        return L2 * sum(block.conv.weight.square().sum() for block in self.blocks)


class Trainer:
    """Trains the network on the CPU, channels_last, in float32 or under bfloat16 autocast.

    Args:
        features: float32 array (clips, 40, 130, 1).
        truth: Class index of each clip.
        precision: "float32" or "bfloat16".
        threads: Number of threads that PyTorch uses.
    """

    def __init__(self, features: np.ndarray, truth: np.ndarray, precision: str, threads: int):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._layout = {"memory_format": torch.channels_last}
        self._features = torch.from_numpy(features).permute(0, 3, 1, 2).contiguous(**self._layout)
        self._truth = torch.from_numpy(truth)
        self._precision = precision
        self._network = Network().to(**self._layout)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=5e-4, eps=1e-7)

    def epoch(self) -> tuple[float, float]:
        """Train on all clips once, and return mean loss and accuracy."""
        self._network.train()
        loss_sum = right = 0.0
        for rows in torch.randperm(len(self._truth)).split(BATCH):
            truth = self._truth[rows]
            self._optimizer.zero_grad(set_to_none=True)
            with self._autocast():
                scores = self._network(self._features[rows])
            loss = functional.cross_entropy(scores.float(), truth) + self._network.penalty()
            loss.backward()
            self._optimizer.step()
            loss_sum += loss.item() * len(rows)
            right += (scores.argmax(dim=1) == truth).sum().item()
        return loss_sum / len(self._truth), right / len(self._truth)

    def predict(self) -> np.ndarray:
        """Return probabilities (clips, classes)."""
        self._network.eval()
        with torch.inference_mode(), self._autocast():
            parts = [self._network(x).float().softmax(1) for x in self._features.split(32)]
        return torch.cat(parts).numpy()

    def _autocast(self):
        if self._precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast("cpu", dtype=torch.bfloat16)
