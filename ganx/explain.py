"""What Hydra, OmegaConf and YAML complain about, in one line that helps: the nearest name, the word to type instead."""

from __future__ import annotations

import re
from typing import Any, Protocol

from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from ganx.checks import no_meaning
from ganx.errors import close, nearest
from ganx.text import text_override
from ganx.words import in_quotes

GROUP_OF = re.compile(r"^[+~]*([^=@]+)")


class Loader(Protocol):
    """What is asked of the loader that could not compose (`ganx.compose.CheckedLoader`).

    Attributes:
        command: which it composes for.
    """

    command: str

    def unchecked(self, overrides: list[str]) -> DictConfig:
        """Return a composition that may be wrong; raises ConfigCompositionException."""

    def list_groups(self, parent_name: str) -> list[str]:
        """Return the groups in a group."""

    def get_group_options(self, group_name: str) -> list[str]:
        """Return the options of a group."""


def explain(loader: Loader, error: Exception, overrides: list[str]) -> str:
    """Return in one line why Hydra cannot compose `overrides`, and what to do."""
    text = str(error)
    if isinstance(error, OverrideParseException):
        told = "write key=value (quote values with spaces, commas or brackets)"
        return f"cannot read '{error.override}': {told}{in_quotes(error.override or '')}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and "/" in error.missing_cfg_file:
        file = error.missing_cfg_file
        group, _, name = file.rpartition("/") if file.startswith("hydra/") else file.partition("/")
        hint = nearest(name, error.options or ()) or f"; ganx list {group} shows them"
        return f"{group}={name}: no such {group}{hint}"
    if match := re.match(r"You must specify '([^']+)'", text):
        return _missing(loader, match[1], overrides)
    if match := re.match(r"Could not override '([^']+)'", text):
        return _key(loader, match[1], overrides)
    if match := re.match(r"In '(.+)': Could not override '(.+)@.+'", text):
        return f"{match[1]}.yaml: write `override /{match[2]}@_global_.{match[2]}: NAME` to choose another {match[2]}"
    if (match := re.match(r"Ambiguous value for argument '(.+)'", text)) and loader.command != "train":
        key, _, value = match[1].partition("=")
        typed = text_override(key, value)
        return f"{match[1]} has several values, and {key} takes one; a name with commas is typed {typed}"
    if match := re.match(r"Ambiguous value for argument '(.+)'", text):
        return f"{match[1]} has several values: add -m to run each of them, or write [...] for a list"
    if match := re.match(r"Sweep parameters '(.+)' requires", text):
        return f"{match[1]} is a sweep: add -m to run each of its values"
    if match := re.match(r"Could not append to config. An item is already at '(.+)'", text):
        return f"+{match[1]}: this key is there already; write {match[1]}=VALUE, without +"
    if text.startswith("Config group override must be"):
        return "a group takes the name of one of its options, as in model=hexagan"
    if match := re.match(r"Error merging override (.+)", text):
        return f"{match[1]} does not fit: {first_line(error.__cause__ or error)}"
    return first_line(error if text or error.__cause__ is None else error.__cause__)


def _missing(loader: Loader, group: str, overrides: list[str]) -> str:
    for text in overrides:  # perhaps it is there, misspelt
        key = match[1].partition(".")[0] if (match := GROUP_OF.match(text)) else group
        if key not in loader.list_groups("") and (hint := close(key.lower(), [group])):
            return f"unknown key '{key}'{hint}"
    names = ", ".join(loader.get_group_options(group))
    return f"missing: choose {group}=NAME, NAME one of {names or '(none is there)'}"


def _plugin_key(loader: Loader, kind: str, key: str, overrides: list[str]) -> str:
    names = [word.partition("=")[2] for word in overrides if word.startswith(f"hydra/{kind}=")]
    chosen = f"hydra/{kind}={names[-1] if names else {'launcher': 'local', 'sweeper': 'grid'}[kind]}"
    if key == "detach":
        return f"detach=true: {chosen} does the runs itself; choose slurm or submitit_local"
    config = loader.unchecked([chosen])
    known = [str(name) for name in config.hydra[kind] if name != "_target_"]
    hint = nearest(key, known) if known else f": {chosen} has no keys"
    return f"unknown key '{kind}.{key}'{hint}"


def _key(loader: Loader, key: str, overrides: list[str]) -> str:
    """Name the nearest key at the level where `key` goes wrong."""
    if key.startswith(("hydra.launcher.", "hydra.sweeper.")):
        _, kind, name = key.split(".", 2)
        return _plugin_key(loader, kind, name, overrides)
    groups = loader.list_groups("")
    chosen = [text for text in overrides if (match := GROUP_OF.match(text)) and match[1] in groups]
    try:
        config = loader.unchecked(chosen)
    except ConfigCompositionException:
        config = loader.unchecked([])
    if (top := key.partition(".")[0]) in OmegaConf.missing_keys(config.hydra.runtime.choices):
        return _missing(loader, top, overrides)
    keys: list[str] = []
    node: Any = config
    for part in key.split("."):
        keys.append(part)
        if not isinstance(node, DictConfig) or part not in node:
            break
        node = node._get_node(part)
    parent = OmegaConf.select(config, ".".join(keys[:-1]), throw_on_missing=False) if keys[:-1] else config
    prefix = "".join(f"{part}." for part in keys[:-1])
    if not isinstance(parent, DictConfig):
        return f"unknown key '{key}': {prefix.rstrip('.')} has no keys"
    if isinstance(mapping := parent.get(keys[-1]), DictConfig):  # its value has a key that is new
        return f"{key} has the keys {', '.join(sorted(map(str, mapping)))}; add another one with +{key}.NAME=VALUE"
    if prefix == "dataset." and (why := no_meaning(keys[-1], parent)):
        return why
    known = {str(name) for name in parent} - {"hydra"}
    if not prefix:
        known |= {"train": set(groups) - {"table", "figure", "hydra"}}.get(
            loader.command, {loader.command[:-1]} & set(groups)
        )
    add = f", or add it with +{key}=VALUE" if len(keys) > 2 else ""  # below a group's own keys: a mapping
    return f"unknown key '{prefix}{keys[-1]}'{nearest(keys[-1], known)}{add}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error, and the key that it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    key = getattr(error, "full_key", None)
    where = f" (key '{key}')" if key else ""
    return (lines[0] if lines else type(error).__name__) + where
