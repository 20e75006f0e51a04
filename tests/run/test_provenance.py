from __future__ import annotations

import json
import subprocess

from ganx.run import provenance


def test_collect_is_plain_and_complete():
    facts = provenance.collect(["model=toy", "dataset.path=my file.csv"], device="cpu", threads=1)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["command"] == "ganx train model=toy 'dataset.path=my file.csv'"
    assert facts["threads"] == 1
    assert facts["versions"]["hydra-core"]
    assert {"code", "host", "python", "processor", "cores"} <= set(facts)


def test_code(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "ganx" / "run" / "provenance.py"))
    assert provenance.code() == {"commit": None, "dirty": None}

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "a")
    clean = provenance.code()
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is None
    (tmp_path / "a").write_text("2")
    first = provenance.code()["dirty"]
    (tmp_path / "a").write_text("3")
    assert None is not first != provenance.code()["dirty"]
