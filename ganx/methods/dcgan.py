"""DCGAN: the GAN of images that trains, by a handful of rules for its networks.

Radford, Metz, Chintala: "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
ICLR 2016 (arXiv 1511.06434). Its rules, section 3:

- strided and transposed convolutions, no pooling (`upsampling=resize`: no checkerboards, Odena et al., 2016);
- batch normalisation in both networks, but not in G's last layer and D's first;
- no hidden dense layers;
- in G ReLU, and tanh at the end (the paper has leaky ReLU in D; here both have `activation`).

Its numbers are those of `experiment=dcgan_paper`: 100 latents from U(-1, 1), weights from N(0, 0.02^2), Adam with a
rate of 0.0002 and beta_1 = 0.5, minibatches of 128. `model=dcgan` shares the weights, beta_1 and the minibatches;
otherwise it is for minutes on a processor: a rate of 0.001 that falls to 0 over the second half, 16 latents from
N(0, 1), narrow layers, samples from a moving average of G.
"""

from __future__ import annotations

from typing import Any

from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.methods.gan import GAN


class DCGAN(GAN):
    """A GAN whose networks are convolutions. Arguments are those of `GAN`.

    Raises:
        UserError: the rows are no images, or `net` is `mlp`.
    """

    smoke = ("dataset=digits", "model.channels=[4,8]")

    def __init__(self, setting: Setting, **options: Any) -> None:
        if len(setting.shape) != 3 or options["net"] == "mlp" or not options["channels"]:
            raise UserError("model=dcgan is for images, by convolutions: choose e.g. dataset=digits, or model=gan")
        super().__init__(setting, **(options | {"net": "cnn"}))
