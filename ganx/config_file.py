"""A user's YAML file, read within bounds: neither its size, nor its depth, nor what its aliases stand for runs away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ganx.errors import UserError
from ganx.files import read_bytes

MOST_BYTES = 128 * 1024  # forty times what a configuration has
MOST_LEVELS = 50
MOST_VALUES = 50_000  # with all that aliases repeat


def read_config(path: Path) -> dict[str, Any]:
    """Return the mapping in a file as plain containers; it can name no code to be executed while it is read.

    Raises:
        UserError: it cannot be read, is none, or is beyond the bounds.
    """
    try:
        config = load(read_bytes(path, MOST_BYTES))
    except (yaml.YAMLError, ValueError) as error:  # also a text that is not UTF-8, and a number that is none
        raise UserError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is damaged: it is not a mapping")
    return config


def load(content: bytes) -> Any:
    """Return what a YAML text says, as plain containers.

    Raises:
        OutOfBounds: it nests or repeats too much.
        YAMLError, ValueError: it is none.
    """
    return yaml.load(content.decode("utf-8"), _Bounded)


class OutOfBounds(yaml.YAMLError):
    """A text that could exhaust the machine."""


class _Bounded(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.sizes: dict[yaml.Node, int] = {}  # values in a node, those of aliases each time they are repeated

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, or find the one that an alias stands for."""
        self.depth += 1
        if self.depth > MOST_LEVELS:
            raise OutOfBounds(f"it nests more than {MOST_LEVELS} levels deep")
        alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is None:
            return None
        if alias and node not in self.sizes:
            raise OutOfBounds("an alias stands for what it is in")
        if not alias:
            self.sizes[node] = 1 + sum(self.sizes[part] for part in _parts(node))
            if self.sizes[node] > MOST_VALUES:
                raise OutOfBounds(f"it has more than {MOST_VALUES:,} values, with all that its aliases repeat")
        return node


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
