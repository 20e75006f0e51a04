"""TAB, from the query up to a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from ganx.cli import COMMANDS

BASH = shutil.which("bash")
BIN = Path(sys.executable).parent


@pytest.fixture
def complete(ganx, monkeypatch):
    def ask(line: str) -> list[str]:
        monkeypatch.setenv("COMP_LINE", line)
        code, out, _ = ganx("-sc", "query=bash")
        assert code == 0
        return out.split()

    return ask


def test_commands(complete):
    assert complete("ganx ") == complete("ganx tr") == list(COMMANDS)


def test_overrides_before_a_model_is_chosen(complete):
    assert "breast" in [word.removeprefix("dataset=") for word in complete("ganx train dataset=")]
    assert complete("ganx train dataset=bre") == ["dataset=breast"]
    assert complete("ganx train prot") == ["protocol.", "protocol="]
    assert complete("ganx train protocol.mi") == ["protocol.missing_rate="]
    assert complete("ganx train protocol.missing_rate=") == ["protocol.missing_rate=0.2"]
    assert complete("ganx eval ru") == ["run="]


def test_keys_of_the_users_own_model(complete, mine):
    line = f"ganx train {' '.join(mine)} "
    assert complete(line + "model=to") == ["model=toy"]
    assert complete(f"ganx train model=toy {' '.join(mine)} --cfg job model.n") == ["model.n_critic=", "model.name="]
    assert complete(line + "model=toy model.n") == ["model.n_critic=", "model.name="]


def test_groups_and_shells(complete):
    assert "dataset" in complete("ganx list da")
    assert complete("ganx completion ") == ["bash", "zsh"]
    assert complete("ganx nope ") == []
    assert complete("ganx status ")[:2] == ["state=", "model="]
    assert complete("ganx status state=")[:2] == ["state=damaged", "state=running"]
    assert "model=hexagan" in complete("ganx status state=failed model=he")
    assert complete("ganx train model=[ mo") == []


def test_zsh_script(ganx):
    code, out, _ = ganx("completion", "zsh")
    assert code == 0
    assert out.rstrip().endswith("compdef _ganx ganx")


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "breaks", "reply"),
    [
        ("ganx tra", " =", ["train"]),
        ("ganx train dataset=bre", " =", ["breast"]),  # bash has cut the word at '=' ...
        ("ganx train dataset=bre", " ", ["dataset=breast"]),  # ... or the user told it not to
        ("ganx train protocol.mi", " =", ["protocol.missing_rate="]),
    ],
)
def test_bash_function(line, breaks, reply):
    script = f"""
        eval "$(ganx completion bash)"
        COMP_WORDBREAKS='{breaks}' COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD=1
        _ganx; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run([BASH, "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == reply, done.stderr


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_bash_at_a_terminal():
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PS1": "$ ", "TERM": "dumb"}
    with pexpect.spawn(BASH, ["--norc", "--noprofile"], env=environment, encoding="utf-8", timeout=120) as bash:
        bash.sendline("bind 'set enable-bracketed-paste off'; eval \"$(ganx completion bash)\"; echo re''ady")
        bash.expect("ready")
        bash.send("ganx tra\t")
        bash.expect("ganx train ")
        bash.send("dataset=bre\t")
        bash.expect("dataset=breast ")
        bash.send("protocol.mi\t")
        bash.expect("protocol.missing_rate=")
        bash.sendcontrol("c")
        bash.sendline("exit")
        bash.expect(pexpect.EOF)
