"""A conditional GAN of 28 x 28 images as a loop of plain PyTorch: what ganx is timed against.

The same maths as `ganx train model=cgan dataset=mnist` with one replica, written as one writes it for oneself: layers
of `nn`, `zero_grad`, `backward`, `step`, one tensor of bytes with index slices. No replicas, figures, logs or
checkpoints. tests/scripts/test_raw_cgan.py holds that its losses are those of ganx.

glibc gives the memory of large tensors back to the system in a small process, time and again, a fifth of a step; ganx
holds more memory and is spared it. MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_, which bench.py sets, spare both.

    python scripts/raw_cgan.py --steps 100      prints CPU and wall seconds of an outer step as JSON
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LATENT, WIDTHS = 16, (32, 64)
RATE, BETAS = 1e-3, (0.5, 0.99)
PENALTY, EMA = 0.03, 0.99
BATCH = 128


class Generator(nn.Module):
    """(z, y) -> an image in [-1, 1]."""

    def __init__(self, pixels: int, k: int) -> None:
        super().__init__()
        narrow, wide = WIDTHS
        self.side = pixels // 4
        self.first = nn.Linear(LATENT + k, wide * self.side**2)
        self.up_1 = nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)
        self.up_2 = nn.ConvTranspose2d(narrow, 1, 4, stride=2, padding=1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """(B, 16), (B, k) -> (B, 1, H, W)."""
        k = y.shape[1]
        c = (k * y - 1) / math.sqrt(k - 1)  # of mean 0 and variance 1, as z
        x = self.first(torch.cat([z, c], 1)).view(len(z), -1, self.side, self.side)
        x = self.up_1(F.leaky_relu(x, 0.2))
        return torch.tanh(self.up_2(F.leaky_relu(x, 0.2)))


class Discriminator(nn.Module):
    """(x, y) -> one output; the label is joined as constant maps to what the first convolution gives."""

    def __init__(self, pixels: int, k: int) -> None:
        super().__init__()
        narrow, wide = WIDTHS
        self.down_1 = nn.Conv2d(1, narrow, 4, stride=2, padding=1)
        self.down_2 = nn.Conv2d(narrow + k, wide, 4, stride=2, padding=1)
        self.last = nn.Linear(wide * (pixels // 4) ** 2, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(B, 1, H, W), (B, k) -> (B,)."""
        x = F.leaky_relu(self.down_1(x), 0.2)
        maps = y[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = F.leaky_relu(self.down_2(torch.cat([x, maps], 1)), 0.2)
        return self.last(x.flatten(1)).squeeze(1)  # type: ignore[no-any-return]


class RawCGAN:
    """The two networks, their optimisers, and the outer step, for images of `pixels` x `pixels` in k classes."""

    def __init__(self, pixels: int, k: int) -> None:
        self.g, self.d = Generator(pixels, k), Discriminator(pixels, k)
        self.nets: dict[str, nn.Module] = {"g": self.g, "d": self.d}
        for net in self.nets.values():
            for layer in net.children():
                nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.average = copy.deepcopy(self.g).requires_grad_(False)
        self.optimizers = {
            name: torch.optim.Adam(net.parameters(), lr=RATE, betas=BETAS) for name, net in self.nets.items()
        }
        self.normal = torch.randn
        self.step = 0

    def update(self, name: str, loss: Tensor) -> Tensor:
        """Let one network step down its loss."""
        self.optimizers[name].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[name].step()
        return loss.detach()

    def outer_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Let the discriminator, then the generator step on x (B, 1, H, W), y (B, k); return each network's loss."""
        x_g = self.g(self.normal(len(x), LATENT), y)
        x.requires_grad_()
        real, fake = self.d(x, y), self.d(x_g.detach(), y)
        (gradient,) = torch.autograd.grad(real.sum(), x, create_graph=True)
        r1 = gradient.square().sum((1, 2, 3)).mean()
        loss_d = self.update("d", F.softplus(-real).mean() + F.softplus(fake).mean() + PENALTY * r1)
        loss_g = self.update("g", F.softplus(-self.d(x_g, y)).mean())

        decay = min(EMA, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for average, parameter in zip(self.average.parameters(), self.g.parameters(), strict=True):
                average.lerp_(parameter, 1 - decay)
        self.step += 1
        return {"d": loss_d, "g": loss_g}


def train(model: RawCGAN, images: Tensor, labels: Tensor, steps: int) -> None:
    """Train for `steps` outer steps on full minibatches of shuffled images, bytes (N, 1, H, W)."""
    step = 0
    while True:
        for index in torch.randperm(len(images)).split(BATCH):  # type: ignore[no-untyped-call]
            if len(index) < BATCH:
                continue
            if step == steps:
                return
            model.outer_step(images[index] / 127.5 - 1, F.one_hot(labels[index], 10).float())
            step += 1


def main() -> None:
    """Time the loop on images of noise, which take as long as any, after some steps that are not counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rows", type=int, default=2000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.randint(256, (args.rows, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(10, (args.rows,))
    model = RawCGAN(28, 10)
    train(model, images, labels, steps=10)
    cpu, wall = time.process_time(), time.perf_counter()
    train(model, images, labels, steps=args.steps)
    seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({name: value / args.steps for name, value in seconds.items()}))


if __name__ == "__main__":
    main()
