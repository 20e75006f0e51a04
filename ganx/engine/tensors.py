"""What a method has learned, as tensors with the replica axis first."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

#: They may hold stacked parameters of a method's own; all other layers of torch.nn know no replicas.
_CONTAINERS = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


def stored_tensors(module: nn.Module, n_replicas: int) -> Iterator[tuple[str, Tensor, bool]]:
    """Yield (name, value, whether it lacks the replica axis) of every parameter, and of every buffer that is stored.

    A buffer registered with `persistent=False` is a constant, the same in every replica, and is left out.
    """
    seen: set[int] = set()
    for prefix, owner in module.named_modules():
        plain = _is_plain(owner)
        for name, value in (*owner.named_parameters(recurse=False), *owner.named_buffers(recurse=False)):
            if id(value) in seen or name in owner._non_persistent_buffers_set:
                continue
            seen.add(id(value))
            lacks = plain or value.dim() == 0 or value.shape[0] != n_replicas
            yield f"{prefix}.{name}" if prefix else name, value.detach(), lacks


def _is_plain(owner: nn.Module) -> bool:
    """Whether a layer is one of torch's own, or derived from one."""
    return any(c.__module__.startswith("torch.nn.") and c not in _CONTAINERS for c in type(owner).__mro__)
