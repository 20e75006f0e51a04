"""`ganx completion`: the script that makes TAB complete commands and overrides."""

from __future__ import annotations

from ganx.commands import Parser

# bash cuts words at '=' and ':' (COMP_WORDBREAKS) and wants the rest of the word only, so what stands before the last
# of them is taken off the answers. Names are followed by a space, keys and groups ('model=', 'model.') are not.
_BASH = r"""
_ganx() {
    local line="${COMP_LINE:0:COMP_POINT}" word cut=""
    word="${line##* }"
    COMPREPLY=($(compgen -W "$(COMP_LINE="$line" "${COMP_WORDS[0]}" -sc query=bash 2>/dev/null)" -- "$word"))
    [[ "$word" == *=* && "$COMP_WORDBREAKS" == *=* ]] && cut="${word%=*}="
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" != *[=./] ]] && compopt +o nospace 2>/dev/null
    return 0
}
complete -o nospace -o default -F _ganx ganx
"""

_ZSH = r"""
_ganx() {
    local line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    compadd -Q -S '' -- ${=$(COMP_LINE="$line" "${words[1]}" -sc query=bash 2>/dev/null)}
}
compdef _ganx ganx
"""


def run(argv: list[str]) -> int:
    """Print the completion script of a shell."""
    parser = Parser(
        prog="ganx completion",
        description="Print a script for the shell. Put this line into ~/.bashrc (or the same with zsh into ~/.zshrc): "
        'eval "$(ganx completion bash)"',
    )
    parser.add_argument("shell", choices=["bash", "zsh"])
    print((_BASH if parser.parse_args(argv).shell == "bash" else _ZSH).strip())
    return 0
