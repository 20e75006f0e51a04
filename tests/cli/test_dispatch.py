"""The door: names, hints, exit codes."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import ganx as package
from ganx import cli
from ganx.errors import RunError


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(ganx, argv):
    code, out, _ = ganx(*argv)
    assert code == 0
    assert all(name in out for name in cli.COMMANDS)


def test_version(ganx):
    assert ganx("--version") == (0, f"ganx {package.__version__}\n", "")


@pytest.mark.parametrize(("word", "meant"), [("hlep", "help"), ("trian", "train"), ("stats", "status")])
def test_misspelt_command_is_answered_by_the_nearest(ganx, word, meant):
    code, out, err = ganx(word)
    assert (code, out) == (2, "")
    assert err == f"ganx: there is no command '{word}'; did you mean '{meant}'?\n"


@pytest.mark.parametrize("command", cli.HYDRA)
def test_help_of_a_hydra_command(ganx, command):
    code, out, _ = ganx(command, "--help")
    assert code == 0
    assert out.startswith(f"ganx {command}")
    assert "--cfg job" in out
    assert "outputs: ${oc.env:GANX_OUTPUTS,outputs}" in out


def test_help_of_train_lists_groups_of_the_users_own_folder(ganx, mine):
    told = ganx("train", "--help", *mine).out
    assert all(name in told for name in ("hexagan", "mean", "toy", "zeros"))


@pytest.mark.parametrize("command", ["list", "status", "completion"])
def test_help_of_a_plain_command(ganx, command):
    code, out, _ = ganx(command, "--help")
    assert code == 0
    assert out.startswith(f"usage: ganx {command}")


@pytest.mark.parametrize("words", [("outputs=there",), ("--outputs", "there"), ("--outputs=there",)])
def test_status_takes_outputs_as_other_commands_do(ganx, words):
    assert ganx("status", *words) == (2, "", "ganx: outputs=there: there is no such folder\n")
    Path("there").mkdir()
    assert ganx("status", *words) == (0, "no runs in there/runs\n", "")
    assert "no sweep 'mine' in there/sweeps" in ganx("status", "mine", *words).err
    assert "no sweep 'mine' in there/sweeps" in ganx("cancel", *words, "mine").err


def test_wrong_option_of_a_plain_command_is_one_line(ganx):
    code, _, err = ganx("status", "--nope")
    assert code == 2
    assert err == "ganx: unrecognized arguments: --nope; see ganx status --help\n"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RunError("loss is\nNaN"), 1, "ganx: loss is NaN\n"),
        (KeyboardInterrupt(), 130, "ganx: interrupted\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, "ganx: /x/y: No space left on device\n"),
        (SystemExit(143), 143, ""),
    ],
)
def test_ends(ganx, monkeypatch, error, code, told):
    def fail(argv):
        raise error

    monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(run=fail))
    answer = ganx("status")
    assert (answer.code, answer.err) == (code, told)


def test_a_bug_is_not_hidden(ganx, monkeypatch):
    def fail(argv):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(run=fail))
    with pytest.raises(OSError, match="Bad file"):
        ganx("status")


def test_broken_pipe_is_silent():
    done = subprocess.run(
        f"{sys.executable} -m ganx list dataset | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_list_groups_and_options(ganx, mine):
    code, out, _ = ganx("list")
    groups = [line.split()[0] for line in out.splitlines()]
    assert code == 0
    assert {"dataset", "hardware", "loss", "optimizer", "protocol"} <= set(groups)
    code, out, _ = ganx("list", "model", *mine)
    assert code == 0
    assert "toy A GAN of this test" in " ".join(out.split())


def test_every_option_has_its_line(ganx):
    for group in (line.split()[0] for line in ganx("list").out.splitlines()):
        for line in ganx("list", group).out.splitlines():
            assert len(line.split(None, 1)) == 2, f"{group}: {line}"


def test_list_of_an_unknown_group(ganx):
    assert ganx("list", "datset") == (2, "", "ganx: there is no group 'datset'; did you mean 'dataset'?\n")
    assert ganx("list", "--config-dir", "nope").err == "ganx: the configuration folder 'nope' does not exist\n"
