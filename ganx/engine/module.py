"""The base class of every method that is trained by gradient."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from ganx.engine.noise import EVALUATION, NOISE, WEIGHTS, Noise, generators
from ganx.engine.optimizers import make_optimizer
from ganx.engine.setting import Setting
from ganx.errors import RunError, UserError, nearest


class Module(pl.LightningModule):
    """Several players, each with its own optimiser, trained by hand in the order the paper gives.

    A method builds its networks, calls `add_player` for each, and writes `outer_step`: one iteration of the paper's
    outer loop. What a trained method can do is said by what it defines: `impute(x, m)`, `classify(x, m)`,
    `encode(x, m)`. Tensors carry the replica axis first; a loss has shape (R,).

    Lightning sees one optimiser, the ticker, so that `global_step` counts blocks whatever the number of players.
    """

    #: `loss.name` and `loss.penalty` values this method can be trained with.
    losses: ClassVar[tuple[str, ...]] = ()
    penalties: ClassVar[tuple[str | None, ...]] = (None,)

    #: Minibatches of `model.batch_size` rows that one outer step reads.
    minibatches: int = 1

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.setting = setting
        self.weight_generators = generators(setting.replicas, WEIGHTS)
        self.noise = Noise(generators(setting.replicas, NOISE), setting.device)
        self.data: Any = None  # the view, while training
        self.players: dict[str, list[nn.Parameter]] = {}
        self.player_optimizers: dict[str, torch.optim.Optimizer] = {}
        self._flat: dict[str, Tensor] = {}
        self.step = 0
        self._factor = 1.0
        self._ones = torch.ones(len(setting.replicas), device=setting.device)
        self._losses: list[dict[str, Tensor]] = []
        self._ticker = torch.zeros(1, requires_grad=True)  # no nn.Parameter: it belongs to no network

    @abstractmethod
    def outer_step(self, batch: Any) -> None:
        """Do one iteration of the paper's outer loop: every `self.update` of its algorithm box, in its order.

        `batch` is a `TabularBatch`, for a `GenerativeModule` a `SampleBatch`.
        """

    def prepare(self) -> None:
        """Do what comes once, before the first step and not on resume. `self.data` is the view, which it may sweep."""

    # --- players -----------------------------------------------------------------------------------------------

    def add_player(self, name: str, net: nn.Module) -> None:
        """Give `net` an optimiser of its own under `name`."""
        net.to(self.setting.device)
        self.players[name] = list(net.parameters())
        self._flat[name] = flatten(self.players[name])
        rate = self.setting.optimizer["lr"] * self.setting.lr_scale.get(name, 1.0)
        self.player_optimizers[name] = make_optimizer(self.setting.optimizer, [self._flat[name]], rate)

    def update(self, player: str, loss: Tensor) -> None:
        """Let `player` alone take one step down `loss`, of shape (R,). Other players get no gradient."""
        self.update_together([player], loss)

    def update_together(self, players: Sequence[str], loss: Tensor) -> None:
        """Let several players, each with its own optimiser, take one step down the `loss` (R,) that they share."""
        for player in players:
            if player not in self.players:
                raise RunError(f"there is no player '{player}'{nearest(player, self.players)}")
        # Replicas share no parameter: with ones for all, each gets the gradient of its own loss.
        parameters = [parameter for player in players for parameter in self.players[player]]
        remaining = iter(torch.autograd.grad(loss, parameters, self._ones))
        for player in players:
            gradients = tuple(islice(remaining, len(self.players[player])))
            if self.setting.clip_norm is not None:
                gradients = clip_per_replica(gradients, self.setting.clip_norm)
            self._flat[player].grad = torch.cat([gradient.flatten() for gradient in gradients])
            self.player_optimizers[player].step()
            self._losses[-1][player] = loss.detach()

    @torch.no_grad()
    def clip(self, player: str, bound: float) -> None:
        """Bring every parameter of `player` within +-bound."""
        self._flat[player].clamp_(-bound, bound)

    def check_players(self) -> None:
        """Refuse an `lr_scale` for a player that this method does not have."""
        for name in self.setting.lr_scale:
            if name not in self.players:
                raise UserError(f"model.lr_scale: there is no player '{name}'{nearest(name, self.players)}")

    # --- Lightning ---------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Give Lightning the ticker, and nothing to optimise."""
        return torch.optim.SGD([self._ticker], lr=0.0)

    def training_step(self, block: Sequence[Any], batch_idx: int) -> None:
        """Walk a block of minibatches. Lightning's cost is paid once per block."""
        self._losses = []
        lower = self.setting.precision == torch.bfloat16
        for batch in block:
            self._set_rates()
            self._losses.append({})
            with torch.autocast(self.setting.device.type, torch.bfloat16, enabled=lower):
                self.outer_step(batch)
            self.step += 1
        ticker = self.optimizers()
        ticker.step()  # type: ignore[union-attr]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave the batch alone: the loader's tensors already live on the device."""
        return batch

    def block_losses(self) -> dict[str, Tensor]:
        """Return each player's loss over the last block, (steps, R). A player's last update of a step counts."""
        return {name: torch.stack([losses[name] for losses in self._losses]) for name in self._losses[0]}

    def rate_factor(self) -> float:
        """Return what every learning rate is multiplied by in this step."""
        return self.setting.lr_decay**self.step

    def _set_rates(self) -> None:
        factor = self.rate_factor()
        if factor == self._factor:
            return
        self._factor = factor
        for name, optimizer in self.player_optimizers.items():
            rate = self.setting.optimizer["lr"] * self.setting.lr_scale.get(name, 1.0) * factor
            optimizer.param_groups[0]["lr"] = rate

    def monitor(self) -> dict[str, Tensor]:
        """Return what is worth watching beside the losses, (R,) each."""
        return {}

    # --- evaluation --------------------------------------------------------------------------------------------

    @contextmanager
    def evaluation_noise(self, stream: int | None = None) -> Iterator[None]:
        """Draw from a stream of its own, that of the step if none is named.

        Training goes on as if unseen, and a figure can be had again.
        """
        training_noise, was_training = self.noise, self.training
        fresh = generators(self.setting.replicas, EVALUATION, self.step if stream is None else stream)
        self.noise = Noise(fresh, self.setting.device)
        self.eval()
        try:
            yield
        finally:
            self.noise = training_noise
            self.train(was_training)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the method has learned, by name: parameters, averages and running statistics, R first."""
        return {name: value.detach() for name, value in (*self.named_parameters(), *self.named_buffers())}

    # --- exact resume ------------------------------------------------------------------------------------------

    def training_state(self) -> dict[str, Any]:
        """Return all that training depends on, in tensors and plain containers."""
        return {
            "step": self.step,
            "parameters": self.tensors(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.player_optimizers.items()},
            "noise": self.noise.state_dict(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Go on from what `training_state` returned."""
        self.step = state["step"]
        self.load_parameters(state["parameters"])
        for name, stored in state["optimizers"].items():
            self.player_optimizers[name].load_state_dict(stored)
        self.noise.load_state_dict(state["noise"])

    def load_parameters(self, parameters: dict[str, Tensor]) -> None:
        """Take over parameter values by name."""
        own = self.tensors()
        for name, value in parameters.items():
            own[name].copy_(value)


def flatten(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Move parameters into one vector, of which they become views, and return it.

    Optimisers act element by element, so one step on the vector is the step on each parameter, at one call's cost.
    """
    vector = torch.cat([parameter.detach().flatten() for parameter in parameters])
    pieces = torch.split(vector, [parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.data = piece.view_as(parameter)
    return vector


def clip_per_replica(gradients: Sequence[Tensor], largest: float) -> tuple[Tensor, ...]:
    """Scale each replica's gradient to a norm of at most `largest`. Every tensor has R first."""
    squares = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
    factor = (largest / squares.sqrt().clamp_min(1e-12)).clamp_max(1.0)
    return tuple(g * factor.view(-1, *[1] * (g.dim() - 1)) for g in gradients)
