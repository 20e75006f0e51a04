from __future__ import annotations

import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ganx.text import list_override, text_override

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1) | st.text("ab'\"\\${}[]=, .-:", min_size=1)


def typed(word: str) -> Any:
    """Return the value that Hydra takes from a word that was pasted into a shell."""
    (argument,) = shlex.split(word)
    value = OverridesParser.create().parse_override(argument).value()
    return OmegaConf.to_container(OmegaConf.create({"key": value}), resolve=True)["key"]


@settings(max_examples=100, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=3))
def test_any_names_can_be_pasted(names: list[str]) -> None:
    assert typed(list_override("key", names)) == names
    assert typed(text_override("key", names[0])) == names[0]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (["id", "n.a."], "'key=[id,n.a.]'"),
        (["naïve ü", "null", "12"], """'key=["naïve ü","null","12"]'"""),
        ([-999.0, 1e5], "'key=[-999,100000]'"),
    ],
)
def test_as_they_are_typed(values: list[str | float], word: str) -> None:
    assert list_override("key", values) == word
