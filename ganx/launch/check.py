"""What no configuration says about itself: whether the method takes its loss, its data, its protocol.

A sweep asks before its first run starts, so that it does not find out in the middle of the night.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ganx.errors import UserError

Config = dict[str, Any]

#: Keys in which runs may differ that are otherwise one configuration: `seed` is drawn from, the others execute.
_APART = frozenset({"seed", "seeds", "outputs", "force", "retry", "refit", "hardware"})


def check_runs(configs: Sequence[Config], targets: frozenset[str]) -> list[UserError | None]:
    """Return for each checked configuration what its method refuses; None where it may be trained.

    Configurations that differ in their seeds only are asked about once. Each data set is loaded, and each protocol
    dealt, once.

    Args:
        targets: class paths that the user's own folders add.
    """
    keys = [_key(config) for config in configs]
    distinct = dict(zip(keys, configs, strict=True))
    found: dict[str, UserError | None] = {}
    data: dict[str, Any] = {}
    for key, config in sorted(distinct.items(), key=lambda item: _data_key(item[1])):
        if (place := _data_key(config)) not in data:
            data.clear()  # of one data set at a time
        found[key], data[place] = _refusal(config, targets, data.get(place))
    return [found[key] for key in keys]


def _refusal(config: Config, targets: frozenset[str], like: Any) -> tuple[UserError | None, Any]:
    """Return what is wrong, and the experiment, whose data the next one may share."""
    from ganx.run.experiment import Experiment  # torch
    from ganx.run.fitters import fitter_of

    # Which seed does not matter, and two say as much as fifty: that there are several.
    config = {**config, "seed": 0, "seeds": min(config["seeds"], 2)}
    try:
        like = experiment = Experiment.of(config, targets, like)
        fitter_of(experiment).check(experiment)
    except UserError as error:
        return error, like
    except Exception:  # a bug in a method, which its own run will tell; it must not cost the others
        return None, like
    return None, like


def _key(config: Config) -> str:
    """Return the text that configurations share which are checked together."""
    shared = {key: value for key, value in config.items() if key not in _APART}
    return json.dumps([shared, config["seeds"] > 1, config["hardware"]["precision"]], sort_keys=True)


def _data_key(config: Config) -> str:
    """Return the text that configurations share whose data and splits are the same."""
    return json.dumps([config["dataset"], config["protocol"], config["seeds"] > 1], sort_keys=True)
