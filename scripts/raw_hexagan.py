"""HexaGAN on Breast as a loop of plain PyTorch: what ganx is timed against.

The same maths as `ganx train experiment=hexagan_noise dataset=breast` with one replica, written as one writes it for
oneself: `nn.Linear`, `zero_grad`, `backward`, `step`, one tensor with index slices. No replicas, validation, logs or
checkpoints. tests/scripts/test_raw_hexagan.py holds that its losses are those of ganx.

    python scripts/raw_hexagan.py --steps 400 --n-cg 10      prints CPU and wall seconds of an outer step as JSON
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn import functional as F

LAMBDA_1, LAMBDA_2 = 10.0, 10.0
ALPHA_1, ALPHA_2, ALPHA_3, ALPHA_4 = 10.0, 1.0, 0.01, 0.01
RATE, RATE_C, DECAY = 1e-3, 1e-2, 0.9998
BATCH = 64


def mlp(n_in: int, n_hidden: int, n_out: int, *output: nn.Module) -> nn.Sequential:
    """Return a perceptron with one hidden layer."""
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.SiLU(), nn.Linear(n_hidden, n_out), *output)


class RawHexaGAN:
    """The six networks, their optimisers, and Algorithm 2 for d features and k classes."""

    def __init__(self, d: int, k: int, n_cg: int) -> None:
        self.d, self.k, self.n_cg = d, k, n_cg
        h = d // 2
        self.e = mlp(2 * d, h, h, nn.ReLU())
        self.g_mi = mlp(h, h, d, nn.Sigmoid())
        self.d_mi = mlp(d + k, h, d + 1)
        self.g_cg = mlp(k + d, h, h, nn.ReLU())
        self.d_cg = mlp(h + k, h, 1)
        self.c = nn.Sequential(nn.Linear(d, k))
        self.nets = {name: getattr(self, name) for name in ("e", "g_mi", "d_mi", "g_cg", "d_cg", "c")}
        self.optimizers = {}
        for name, net in self.nets.items():
            for layer in net:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_uniform_(layer.weight)
                    nn.init.zeros_(layer.bias)
            self.optimizers[name] = torch.optim.Adam(net.parameters(), lr=RATE_C if name == "c" else RATE)
        self.uniform = torch.rand

    def update(self, name: str, loss: Tensor) -> Tensor:
        """Let one network step down its loss."""
        self.optimizers[name].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[name].step()
        return loss.detach()

    def outer_step(self, x: Tensor, m: Tensor, y: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """Do one iteration of Algorithm 2 on x, m (B, d), y (B, k), labelled (B, 1); return each network's loss."""
        losses = {}
        missing, counts = 1 - m, y.sum(0)

        # (1) Missing-data imputation
        with torch.no_grad():
            x_hat = m * x + missing * self.g_mi(self.encode(x, m))
            rows = torch.cat([x_hat, self.labels(x_hat, y, labelled)], 1)
        scores = self.d_mi(rows)
        fake = mean_over(scores, torch.cat([missing, 1 - labelled], 1))
        real = mean_over(scores, torch.cat([m, labelled], 1))
        loss = fake - real + LAMBDA_1 * penalty(self.d_mi, rows, self.d, self.d, m)
        losses["d_mi"] = self.update("d_mi", loss)
        losses["e"] = self.update("e", self.loss_imputation(x, m, y, labelled, self.encode(x, m)))
        h = self.encode(x, m).detach()
        losses["g_mi"] = self.update("g_mi", self.loss_imputation(x, m, y, labelled, h))

        # (2) Conditional generation
        h = self.encode(x, m).detach()
        for _ in range(self.n_cg):
            h_c, y_c = self.generate(len(x), counts)
            fake = self.d_cg(torch.cat([h_c.detach(), y_c], 1)).mean()
            rows = torch.cat([h, y], 1)
            real = mean_over(self.d_cg(rows), labelled)
            loss = fake - real + LAMBDA_2 * penalty(self.d_cg, rows, h.shape[1], 1, labelled)
            losses["d_cg"] = self.update("d_cg", loss)

            x_c = self.g_mi(h_c)
            loss_g_cg = -self.d_cg(torch.cat([h_c, y_c], 1)).mean()
            loss_g_mi = -self.d_mi(torch.cat([x_c, y_c], 1))[:, : self.d].mean()
            loss_ce = F.cross_entropy(self.c(x_c), y_c)
            losses["g_cg"] = self.update("g_cg", loss_g_cg + ALPHA_2 * loss_g_mi + ALPHA_3 * loss_ce)

        # (3) Semi-supervised classification
        deficit = counts.max() - counts
        with torch.no_grad():
            x_hat = m * x + missing * self.g_mi(h)
            h_c, y_c = self.generate(len(x), deficit)
            x_c = self.g_mi(h_c)
        weight = torch.cat([labelled[:, 0], (deficit.sum() / len(x)).expand(len(x))])
        ce = F.cross_entropy(self.c(torch.cat([x_hat, x_c])), torch.cat([y, y_c]), reduction="none")
        scores = self.d_mi(torch.cat([x_hat, self.labels(x_hat, y, labelled)], 1))[:, self.d :]
        loss = (ce * weight).sum() / weight.sum() - ALPHA_4 * mean_over(scores, 1 - labelled)
        losses["c"] = self.update("c", loss)
        return losses

    def encode(self, x: Tensor, m: Tensor) -> Tensor:
        """h = E(x-tilde, m), with noise in the missing cells."""
        z = self.uniform(len(x), self.d)
        return self.e(torch.cat([m * x + (1 - m) * z, m], 1))  # type: ignore[no-any-return]

    def loss_imputation(self, x: Tensor, m: Tensor, y: Tensor, labelled: Tensor, h: Tensor) -> Tensor:
        """L_GMI + alpha_1 L_recon."""
        x_bar = self.g_mi(h)
        x_hat = m * x + (1 - m) * x_bar
        labels = self.labels(x_hat, y, labelled).detach()
        scores = self.d_mi(torch.cat([x_hat, labels], 1))[:, : self.d]
        recon = ((x - x_bar).square() * m).sum(1) / m.sum(1).clamp_min(1e-10)
        return -mean_over(scores, 1 - m) + ALPHA_1 * recon.mean()  # type: ignore[no-any-return]

    def labels(self, x_hat: Tensor, y: Tensor, labelled: Tensor) -> Tensor:
        """Return known labels, and C's guesses elsewhere: one-hot, with the gradient of the probabilities."""
        soft = self.c(x_hat).softmax(1)
        guess = F.one_hot(soft.argmax(1), self.k) + soft - soft.detach()
        return labelled * y + (1 - labelled) * guess  # type: ignore[no-any-return]

    def generate(self, n: int, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Return generated hidden vectors and their labels, drawn in proportion to `shares`."""
        thresholds = shares.cumsum(0)
        classes = (self.uniform(n, 1) * thresholds[-1] >= thresholds).sum(1).clamp_max(self.k - 1)
        y_c = F.one_hot(classes, self.k).float()
        return self.g_cg(torch.cat([y_c, self.uniform(n, self.d)], 1)), y_c

    def decay(self) -> None:
        """Lower every rate a little."""
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] *= DECAY


def mean_over(scores: Tensor, cells: Tensor) -> Tensor:
    """Return the mean score of the cells that count in each column, averaged over the columns."""
    return (scores * cells / cells.sum(0).clamp_min(1e-8)).sum() / cells.shape[1]


def penalty(net: nn.Sequential, x: Tensor, n: int, outputs: int, cells: Tensor) -> Tensor:
    """Return `mean_over` of the squared norm of d outputs / d x[:, :n]: by hand for one hidden layer of SiLUs."""
    first, _, last = net
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    a = first(x)
    s = torch.sigmoid(a)
    slope = s * (1 + a * (1 - s))
    jacobian = slope[:, None] * last.weight[:outputs]  # (B, outputs, hidden)
    gram = first.weight[:, :n] @ first.weight[:, :n].T
    return mean_over(((jacobian @ gram) * jacobian).sum(2), cells)


def train(model: RawHexaGAN, x: Tensor, m: Tensor, y: Tensor, labelled: Tensor, steps: int) -> None:
    """Train for `steps` outer steps on full minibatches of shuffled rows."""
    step = 0
    while True:
        for index in torch.randperm(len(x)).split(BATCH):  # type: ignore[no-untyped-call]
            if len(index) < BATCH:
                continue
            if step == steps:
                return
            model.outer_step(x[index], m[index], y[index], labelled[index])
            model.decay()
            step += 1


def breast() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return Breast scaled to [0, 1] with a fifth of the cells and of the labels hidden: x, m, y, labelled."""
    data, target = load_breast_cancer(return_X_y=True)
    x = torch.tensor(data, dtype=torch.float32)
    x = (x - x.amin(0)) / (x.amax(0) - x.amin(0))
    m = (torch.rand(x.shape) > 0.2).float()
    labelled = (torch.rand(len(x), 1) < 0.8).float()
    y = F.one_hot(torch.tensor(target), 2) * labelled
    return x * m, m, y, labelled


def main() -> None:
    """Time the loop, after some steps that are not counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--n-cg", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = breast()
    model = RawHexaGAN(data[0].shape[1], data[2].shape[1], args.n_cg)
    train(model, *data, steps=20)
    cpu, wall = time.process_time(), time.perf_counter()
    train(model, *data, steps=args.steps)
    seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({name: value / args.steps for name, value in seconds.items()}))


if __name__ == "__main__":
    main()
