"""`tuibackup completion`: a script by which a shell completes the command line; it asks this command what fits."""

import argparse
from contextlib import suppress

from tuibackup.cli.context import Context
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.text import printable
from tuibackup.words import _

# What the scripts say. The words so far follow, each behind a sign: argparse would take `--` for its own.
_ASK = "words"

_BASH = """\
_tuibackup() {
    local IFS=$'\\n' words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=($(tuibackup completion words "${words[@]/#/=}" 2>/dev/null </dev/null))
    if [[ ${COMPREPLY[0]-} == :files ]]; then
        COMPREPLY=()
        compopt -o default
    elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -F _tuibackup tuibackup
"""
_ZSH = """\
#compdef tuibackup
_tuibackup() {
    local -a found folders
    found=("${(@f)$(tuibackup completion words "${(@)words[2,CURRENT]/#/=}" 2>/dev/null </dev/null)}")
    if [[ $found[1] == :files ]]; then
        _files
        return
    fi
    folders=(${(M)found:#*/})
    found=(${found:#*/})
    compadd -S '' -a folders
    compadd -a found
}
if [[ $funcstack[1] == _tuibackup ]]; then
    _tuibackup "$@"
else
    compdef _tuibackup tuibackup
fi
"""
_FISH = """\
function __tuibackup_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -a words (commandline -ct | string collect -a)
    set -l found (command tuibackup completion words "="$words 2>/dev/null </dev/null)
    if test "$found[1]" = :files
        __fish_complete_path (commandline -ct)
    else if set -q found[1]
        printf '%s\\n' $found
    end
end
complete -c tuibackup -f -a '(__tuibackup_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `completion`."""
    parser.description = _(
        'Prints what makes a shell complete commands, options, servers and snapshots. bash: eval "$(tuibackup'
        ' completion bash)" in ~/.bashrc; zsh: the same with zsh in ~/.zshrc, after compinit; fish: tuibackup'
        " completion fish > ~/.config/fish/completions/tuibackup.fish. It reaches no server."
    )
    parser.add_argument("shell", metavar="bash | zsh | fish")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the script, or what fits."""
    if args.shell in _SCRIPTS:
        print(_SCRIPTS[args.shell], end="")
        return 0
    if args.shell != _ASK:
        raise UsageError(
            _("tuibackup completion {word}: there is none for that shell").format(word=printable(args.shell)),
            _("say bash, zsh or fish"),
        )
    from tuibackup.cli.complete import fitting

    with suppress(TuibackupError):  # whoever presses tab wants no error between what is typed
        print(
            "".join(f"{one}\n" for one in fitting([word[1:] for word in args.words], context)),
            end="",
            flush=True,
        )
    return 0
