"""The base class of every method that is trained by gradient."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar, TypeVar

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from ganx.engine.noise import EVALUATION, NOISE, WEIGHTS, Noise, TorchSeed, generators
from ganx.engine.optimizers import make_optimizer
from ganx.engine.setting import Setting
from ganx.engine.tensors import stored_tensors
from ganx.errors import RunError, UserError, nearest

T = TypeVar("T")
Gradients = Sequence[Tensor]

# Numbers that seed torch's own generators beside the steps of a training, 0, 1, ...
_BUILDING, _LOOKING = -1, -2


class Module(pl.LightningModule):
    """Several players, each with its own optimiser, trained by hand in the order the paper gives.

    A method builds its networks, calls `add_player` for each, and writes `outer_step`: one iteration of the paper's
    outer loop. What a trained method can do is said by what it defines: `impute(x, m)`, `classify(x, m)`,
    `cluster(x)`, ... (`ganx.engine.capabilities`). Tensors carry the replica axis first; a loss has shape (R,).

    The verbs of an outer step: `update` lets one player take one step down its loss, `update_together` several down a
    loss that they share; `gradients` and `step_players` are the two halves of `update`, for steps that look at the
    gradients of all players first. `average` moves a player's average along, `reset` forgets an optimiser's state.

    Layers of plain `torch.nn` will do where `max_replicas` is 1; the method itself adds and takes off the replica axis
    of what goes in and comes out. Whatever a step draws from torch's own generator depends on (seed, fold, step).

    Lightning sees one optimiser, the ticker, so that `global_step` counts blocks whatever the number of players.
    """

    #: How rows reach the method: `cells` of a table, some of them unknown, or whole `examples` (`ganx.engine.views`).
    reads: ClassVar[str] = "cells"

    #: The streams of minibatches that an outer step reads.
    streams: ClassVar[tuple[str, ...]] = ("all",)

    #: `loss.name` and `loss.penalty` values this method can be trained with. Without losses nothing is adversarial, and
    #: the loss is `none`; `own` stands for every loss whose class the `loss` group names with `_target_`.
    losses: ClassVar[tuple[str, ...]] = ()
    penalties: ClassVar[tuple[str | None, ...]] = (None,)

    #: Whether what the method generates has the class that it is told.
    conditional: ClassVar[bool] = False

    #: Minibatches of `model.batch_size` rows that one outer step reads.
    minibatches: int = 1

    #: The view that minibatches come from, while the method is trained.
    data: Any = None

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.setting = setting
        self.weight_generators = generators(setting.replicas, WEIGHTS)
        self.noise = Noise(generators(setting.replicas, NOISE), setting.device)
        self.players: dict[str, list[nn.Parameter]] = {}
        self.player_optimizers: dict[str, torch.optim.Optimizer] = {}
        self.averages = nn.ModuleDict()
        self._nets: dict[str, nn.Module] = {}
        self._flat: dict[str, Tensor] = {}
        self._flat_averages: dict[str, Tensor] = {}
        self.step = 0
        self._factor = 1.0
        self._ones = torch.ones(len(setting.replicas), device=setting.device)
        self._losses: list[dict[str, Tensor]] = []
        self._ticker = torch.zeros(1, requires_grad=True)  # no nn.Parameter: it belongs to no network
        self._torch_seed = TorchSeed(setting.replicas[0], setting.device)
        self._torch_seed.plant(_BUILDING)  # networks are built from here on

    def prepare(self) -> None:
        """Do what comes once, before step 0 of a training and not when it goes on. `self.data` may be swept.

        What it finds belongs into buffers that the constructor has declared: they are stored.
        """

    @abstractmethod
    def outer_step(self, batch: Any) -> None:
        """Do one iteration of the paper's outer loop: every `self.update` of its algorithm box, in its order.

        `batch` is a `TabularBatch` where the method reads cells, an `ExampleBatch` where it reads examples.
        """

    # --- players -----------------------------------------------------------------------------------------------

    def add_player(self, name: str, net: nn.Module, *, averaged: bool = False) -> None:
        """Give `net` an optimiser of its own under `name`; with `averaged`, keep a moving average of it as well."""
        net.to(self.setting.device)
        if averaged:
            self.averages[name] = copy.deepcopy(net).requires_grad_(False)
            self._flat_averages[name] = flatten(list(self.averages[name].parameters()))
        self._nets[name] = net
        self.players[name] = list(net.parameters())
        self._flat[name] = flatten(self.players[name])
        self.reset(name)

    def reset(self, player: str) -> None:
        """Give a player a new optimiser, without moments of earlier steps. Its weights stay as they are."""
        flat = self._of(player, self._flat)
        self.player_optimizers[player] = make_optimizer(self.setting.optimizer, [flat], self._rate(player))

    def gradients(
        self, loss: Tensor, player: str, *, create_graph: bool = False, retain_graph: bool = False
    ) -> tuple[Tensor, ...]:
        """Return d loss / d parameter of each of a player's parameters, and log the loss (R,) under its name.

        Args:
            create_graph: the gradients can be differentiated in turn (a penalty on gradients).
            retain_graph: another gradient will be taken through the same graph (losses of one forward pass).
        """
        gradients = self._differentiate(loss, self._of(player, self.players), create_graph, retain_graph)
        self._log(player, loss)
        return gradients

    def step_players(self, gradients: Mapping[str, Gradients]) -> None:
        """Let players take one step each, all at once, by the gradients given for their parameters."""
        for player, of_player in gradients.items():
            if self.setting.clip_norm is not None:
                of_player = clip_per_replica(of_player, self.setting.clip_norm, len(self.setting.replicas))
            self._of(player, self._flat).grad = torch.cat([gradient.flatten() for gradient in of_player])
        for player in gradients:
            self.player_optimizers[player].step()
            self._flat[player].grad = None  # it is as large as the player

    def update(self, player: str, loss: Tensor) -> None:
        """Let `player` alone take one step down `loss`, of shape (R,). Other players get no gradient."""
        self.step_players({player: self.gradients(loss, player)})

    def update_together(self, players: Sequence[str], loss: Tensor) -> None:
        """Let several players, each with its own optimiser, take one step down the `loss` (R,) that they share."""
        parameters = [parameter for player in players for parameter in self._of(player, self.players)]
        remaining = iter(self._differentiate(loss, parameters))
        self.step_players({player: tuple(islice(remaining, len(self.players[player]))) for player in players})
        for player in players:
            self._log(player, loss)

    @torch.no_grad()
    def average(self, player: str, decay: float) -> None:
        """Move a player's average: `decay` of what it was, and 1 - `decay` of the player. Buffers are those of now."""
        average = self._of(player, self._flat_averages)
        average.lerp_(self._flat[player], 1 - decay)
        for own, buffer in zip(self.averages[player].buffers(), self._nets[player].buffers(), strict=True):
            own.copy_(buffer)

    def averaged(self, player: str) -> nn.Module:
        """Return the moving average of a player's network; the network itself where none is kept."""
        return self.averages[player] if player in self.averages else self._of(player, self._nets)

    @torch.no_grad()
    def clip(self, player: str, bound: float) -> None:
        """Bring every parameter of `player` within +-bound."""
        self._of(player, self._flat).clamp_(-bound, bound)

    def check_players(self) -> None:
        """Refuse an `lr_scale` for a player that this method does not have."""
        for name in self.setting.lr_scale:
            if name not in self.players:
                raise UserError(f"model.lr_scale: there is no player '{name}'{nearest(name, self.players)}")

    def check_stack(self, size: int) -> None:
        """Refuse layers that hold one replica where `size` of them are stacked.

        Raises:
            UserError: a parameter or buffer lacks the replica axis.
        """
        for name, value, lacks_axis in stored_tensors(self, len(self.setting.replicas)):
            if lacks_axis and size > 1:
                raise UserError(
                    f"'{name}', of shape {tuple(value.shape)}, has no replica axis, so that it can hold one replica of "
                    f"the {size} that would be stacked: set model.max_replicas=1"
                )

    def _differentiate(
        self, loss: Tensor, parameters: Sequence[Tensor], create_graph: bool = False, retain_graph: bool = False
    ) -> tuple[Tensor, ...]:
        # Replicas share no parameter: with ones for all, each gets the gradient of its own loss.
        return torch.autograd.grad(
            loss, parameters, self._ones, retain_graph=retain_graph or create_graph, create_graph=create_graph
        )

    def _log(self, player: str, loss: Tensor) -> None:
        if self._losses:  # there is none in `prepare`
            self._losses[-1][player] = loss.detach()

    def _of(self, player: str, things: Mapping[str, T]) -> T:
        try:
            return things[player]
        except KeyError:
            raise RunError(f"there is no player '{player}'{nearest(player, things)}") from None

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
            self._torch_seed.plant(self.step)
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
            optimizer.param_groups[0]["lr"] = self._rate(name)

    def _rate(self, player: str) -> float:
        rate: float = self.setting.optimizer["lr"] * self.setting.lr_scale.get(player, 1.0) * self._factor
        return rate

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
        stream = self.step if stream is None else stream
        self.noise = Noise(generators(self.setting.replicas, EVALUATION, stream), self.setting.device)
        self.eval()
        try:
            with self._torch_seed.aside(_LOOKING - stream):
                yield
        finally:
            self.noise = training_noise
            self.train(was_training)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the method has learned, by name: parameters, averages and running statistics, R first.

        They are views: what is copied into them arrives. What lacks the replica axis gets one of length 1.
        """
        return {
            name: value.unsqueeze(0) if lacks_axis else value
            for name, value, lacks_axis in stored_tensors(self, len(self.setting.replicas))
        }

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
        """Take over parameter values by name; raise ValueError where names, shapes or types are others."""
        own = self.tensors()
        if _forms(own) != _forms(parameters):
            raise ValueError("its parameters have other names, shapes or types")
        for name, value in parameters.items():
            own[name].copy_(value)


def _forms(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.dtype, torch.Size]]:
    return {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}


def flatten(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Move parameters into one vector, of which they become views, and return it.

    Optimisers act element by element, so one step on the vector is the step on each parameter, at one call's cost.
    """
    vector = torch.cat([parameter.detach().flatten() for parameter in parameters])
    pieces = torch.split(vector, [parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.data = piece.view_as(parameter)
    return vector


def clip_per_replica(gradients: Gradients, largest: float, n_replicas: int) -> tuple[Tensor, ...]:
    """Scale each replica's gradient to a norm of at most `largest`. Every tensor has R first, or R is 1."""
    squares = torch.stack([g.reshape(n_replicas, -1).square().sum(1) for g in gradients]).sum(0)
    factor = (largest / squares.sqrt().clamp_min(1e-12)).clamp_max(1.0)
    return tuple(g * factor.view(-1, *[1] * (g.dim() - 1)) for g in gradients)
