"""From a command line to a checked, plain configuration.

Hydra composes, `ganx.checks` checks each composition before anything runs or is written, and every complaint of either
becomes one line. Neither torch nor lightning is imported here.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from ganx.checks import check_config
from ganx.errors import RunError, UserError
from ganx.explain import GROUP_OF, explain, first_line
from ganx.groups import options
from ganx.launch.launcher import SweepLauncher
from ganx.launch.plugins import PACKAGE, register
from ganx.targets import added_by, config_dirs
from ganx.text import printable
from ganx.words import check_words

#: What a command does with a checked configuration and the command line (of one job) that gave it.
Task = Callable[[dict[str, Any], list[str]], int]


def run(command: str, argv: list[str], task: Task) -> int:
    """Do what a command line asks for; return the exit code.

    Args:
        command: the command, which is also the name of its primary file in conf/.
        argv: what follows the command: overrides and Hydra's options.
        task: what to do with a checked configuration (with each one, under `-m`).

    Raises:
        UserError: the command line or the configuration is wrong. Nothing has been written.
    """
    check_words(argv, get_args_parser()._option_string_actions)
    args = _parse(argv)
    with _hydra(command, argv) as (hydra, loader):
        if args.shell_completion:
            with suppress(HydraException):  # a line that makes no sense yet has no completions
                hydra.shell_completion(command, args.overrides)
        elif args.info:
            hydra.show_info(args.info, command, args.overrides)
        elif args.cfg:
            _show(hydra, command, args)
        elif args.multirun:
            codes: list[int] = hydra.multirun(
                command,
                lambda job: _one_of_many(task, loader.plain(job), [*HydraConfig.get().overrides.task, *loader.flags]),
                args.overrides,
            )
            return max(codes, default=0)
        else:
            return task(loader.plain(hydra.compose_config(command, args.overrides, RunMode.RUN)), argv)
    return 0


def compose(command: str, argv: Sequence[str] = ()) -> dict[str, Any]:
    """Return the checked configuration of a command line, as plain containers (for tests, tables and notebooks)."""
    overrides = _parse(list(argv)).overrides
    with _hydra(command, argv) as (hydra, loader):
        return loader.plain(hydra.compose_config(command, overrides, RunMode.RUN))


def compose_each(
    command: str, lines: Iterable[Sequence[str]], argv: Sequence[str]
) -> Iterator[dict[str, Any] | UserError]:
    """Yield the checked configuration of each list of overrides, or what is wrong with it.

    Args:
        argv: the command line; the user's own folders that it names are searched, too.
    """
    with _hydra(command, argv) as (_, loader):
        for overrides in lines:
            try:
                yield loader.plain(loader.compose(list(overrides)))
            except UserError as error:
                yield error


def read_each(command: str, group: str, argv: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | UserError]]:
    """Yield name and content of each option of a group, or what is wrong with it.

    What stands by itself in its file is read from there, which takes a tenth of the time of a composition.
    """
    with _hydra(command, argv) as (_, loader):
        for name in options(group, config_dirs(argv)):
            try:
                found = loader.repository.load_config(f"{group}/{name}")
                if found is None or found.defaults_list or found.header["package"]:
                    raise CompositionError(f"{name} is made of other files")
                content = OmegaConf.to_container(OmegaConf.create({group: found.config}), resolve=True)
                assert isinstance(content, dict)
                yield name, content[group]
            except Exception:  # whatever is wrong, it is told as for a single command line
                (composed,) = compose_each(command, [[f"{group}={name}"]], argv)
                yield name, composed if isinstance(composed, UserError) else composed[group]


@contextmanager
def launcher_of(command: str, argv: Sequence[str]) -> Iterator[SweepLauncher]:
    """Give the launcher that a command line names, to have runs of `command` done.

    Args:
        argv: the command line; `hydra/launcher=...`, its options, and the user's own folders are taken from it.

    Raises:
        UserError: there is no such launcher, or a key of it is wrong.
    """
    with _hydra(command, argv) as (hydra, loader):
        words = [word for word in _parse(list(argv)).overrides if word.lstrip("+").startswith("hydra")]
        config = hydra.compose_config(command, words, RunMode.MULTIRUN, with_log_configuration=True)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks(config)),
            task_function=_no_task,
            config=config,
        )
        assert isinstance(launcher, SweepLauncher)
        yield launcher


def _no_task(config: DictConfig) -> None:
    """Stand where Hydra wants a task: ganx's launchers know what to do."""


class CompositionError(UserError, ConfigCompositionException):
    """What Hydra cannot compose, in one line; its completion, which expects its own kind of error, goes on."""


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader; it checks what it composed, and explains in one line what it cannot compose."""

    def __init__(self, command: str, argv: Sequence[str]) -> None:
        self.command, self.argv = command, list(argv)
        self.extra = added_by(argv)
        self._bases: dict[tuple[str, ...], DictConfig] = {}
        search_path = create_config_search_path("pkg://ganx.conf")
        for folder in config_dirs([word for word in argv if not word.startswith("hydra.searchpath=")]):
            search_path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
        super().__init__(search_path)

    @property
    def flags(self) -> list[str]:
        """What stands on the command line beside overrides, e.g. `--config-dir mine`."""
        overrides = _parse(self.argv).overrides
        return [word for word in self.argv if word not in overrides and word not in ("-m", "--multirun")]

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose, and check what is complete (the base of a sweep is not)."""
        rest = (config_name, run_mode, from_shell, validate_sweep_overrides)
        try:
            if config_name == self.command and run_mode is RunMode.MULTIRUN:
                config = self._base_of_a_sweep(overrides, *rest)
            else:
                config = self._load(overrides, *rest)
        except Exception as error:  # whatever Hydra, OmegaConf or YAML complain about: the request is wrong
            raise CompositionError(explain(self, error, overrides)) from error
        if config_name == self.command:  # not the space of a search
            self._check_plugins(config)
            if run_mode is RunMode.RUN:
                self.plain(config)
        return config

    def _load(self, overrides: list[str], name: str | None, mode: RunMode, *rest: bool) -> DictConfig:
        return super().load_configuration(name, overrides, mode, *rest)

    def unchecked(self, overrides: list[str]) -> DictConfig:
        """Return a composition that may be wrong, to see what is there."""
        return self._load(overrides, self.command, RunMode.MULTIRUN, True, False)

    def _base_of_a_sweep(self, overrides: list[str], *rest: Any) -> DictConfig:
        """Compose what the runs of a sweep share: the groups that all of them choose, and how the sweep is done.

        Hydra leaves a group with several values out, so that `model.steps=40` beside `model=gan,cgan` would find no
        `model` here. Values belong to the runs, which are composed and checked one by one.
        """
        parsed = OverridesParser.create(config_loader=self).parse_overrides(overrides)
        shared = [word for word in parsed if word.is_hydra_override() or self._is_choice(word)]
        config = self._load([word.input_line or "" for word in shared], *rest)
        config.hydra.overrides.task = [word.input_line for word in parsed if not word.is_hydra_override()]
        return config

    def _is_choice(self, word: Override) -> bool:
        return self.repository.group_exists(word.key_or_group) and not word.is_sweep_override()

    def is_group(self, key: str) -> bool:
        """Tell whether the key of an override chooses an option of a group."""
        match = GROUP_OF.match(key)
        return match is not None and bool(self.repository.group_exists(match[1]))

    def compose(self, overrides: list[str]) -> DictConfig:
        """Compose one of many command lines; the same as `load_configuration`, several times as fast.

        Files are read once for each choice of groups. Values, which Hydra sets last anyway, are set on a copy.
        """
        try:
            parsed = OverridesParser.create(config_loader=self).parse_overrides(overrides)
            chosen = [item for item in parsed if self.repository.group_exists(item.key_or_group)]
            groups = tuple(item.input_line or "" for item in chosen)
            if groups not in self._bases:
                base = self.load_configuration(self.command, list(groups), RunMode.MULTIRUN)
                if OmegaConf.missing_keys(base.hydra.runtime.choices):  # a group without a choice: only RUN tells it
                    return self.load_configuration(self.command, overrides, RunMode.RUN)
                with open_dict(base):
                    del base["hydra"]
                self._bases[groups] = base
            config = copy.deepcopy(self._bases[groups])
            self._apply_overrides_to_config([item for item in parsed if item not in chosen], config)
        except HydraException:  # told as for a single command line
            return self.load_configuration(self.command, overrides, RunMode.RUN)
        return config

    def plain(self, config: DictConfig) -> dict[str, Any]:
        """Return a composition, resolved and checked, as plain containers."""
        content = {key: config._get_node(key) for key in config if key != "hydra"}
        config = OmegaConf.create(content, parent=None) if "hydra" in config else config
        try:
            resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        except MissingMandatoryValue as error:
            raise UserError(f"missing value: give {error.full_key}=...") from error
        except OmegaConfBaseException as error:
            raise UserError(first_line(error)) from error
        assert isinstance(resolved, dict)
        return check_config(self.command, {str(key): value for key, value in resolved.items()}, self.extra)

    def _check_plugins(self, config: DictConfig) -> None:
        """Refuse plug-ins that know nothing of plans, and any launcher where there is nothing to train."""
        trains = self.command in ("train", "tables")
        for kind in ("sweeper", "launcher") if trains else ("sweeper",):
            if not str(OmegaConf.select(config, f"hydra.{kind}._target_")).startswith(f"{PACKAGE}.ganx."):
                name = config.hydra.runtime.choices[f"hydra/{kind}"]
                names = [name for name in self.get_group_options(f"hydra/{kind}") if name != "basic"]
                raise CompositionError(f"hydra/{kind}={name} is not one of ganx's: choose from {', '.join(names)}")
        if not trains and (name := config.hydra.runtime.choices["hydra/launcher"]) != "basic":
            raise CompositionError(f"ganx {self.command} needs no launcher: leave hydra/launcher={name} out")


def _one_of_many(task: Task, config: dict[str, Any], argv: list[str]) -> int:
    """Run one job of a sweep. A failure is told and the next job starts; an interruption ends the sweep."""
    try:
        code = task(config, argv)
    except (UserError, RunError) as error:
        print(f"ganx: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return error.exit_code
    if code > 128:  # stopped by a signal
        raise SystemExit(code)
    return code


@contextmanager
def _hydra(command: str, argv: Sequence[str]) -> Iterator[tuple[Hydra, CheckedLoader]]:
    version.setbase("1.3")
    register()
    for folder in config_dirs(argv):
        if str(folder) not in sys.path:  # so that DIR/mygan.py can be named by DIR/model/mygan.yaml
            sys.path.append(str(folder))
    loader = CheckedLoader(command, argv)
    hydra = Hydra(task_name=command, config_loader=loader)
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, hydra  # `ganx tables` composes `train` within
    try:
        yield hydra, loader
    finally:
        GlobalHydra.instance().hydra = outer


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    args = parser.parse_intermixed_args(argv)  # overrides may stand before and after options
    if args.config_path or args.config_name or args.experimental_rerun or args.hydra_help:
        raise UserError("ganx has no --config-path, --config-name, --hydra-help or --experimental-rerun")
    if (args.package or args.resolve) and not args.cfg:
        raise UserError(f"{'--resolve' if args.resolve else '--package'} belongs to --cfg job")
    if "hydra.mode=MULTIRUN" in args.overrides:
        args.multirun = True
    return args


def _refuse(message: str) -> Any:
    raise UserError(f"{message}; --help shows what can be given")


def _show(hydra: Hydra, command: str, args: argparse.Namespace) -> None:
    try:
        hydra.show_cfg(command, args.overrides, args.cfg, args.package, args.resolve)
    except SystemExit as error:  # it has told that there is no such package
        raise SystemExit(2) from error
