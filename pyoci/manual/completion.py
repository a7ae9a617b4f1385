"""Completion scripts for shells: commands, options, their values, and container IDs, which `pyoci list` names. Pure."""

from __future__ import annotations

from pyoci.manual.model import Command, Flag, Manual

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SIGNALS = "HUP INT QUIT KILL USR1 USR2 TERM CONT STOP"
# What a value is, by the word that the help text has for it.
_FOLDERS = ("DIR",)
_FILES = ("FILE", "SOCKET", "PATH", "FROM:TO[:ro]")


def script(manual: Manual, shell: str) -> str:
    return SHELLS[shell](manual)


def values(flag: Flag) -> str:
    """The completion of an option's value: words, `folder`, `file`, or nothing."""
    if flag.choices:
        return " ".join(flag.choices)
    if flag.value in _FOLDERS:
        return "folder"
    return "file" if flag.value in _FILES else ""


# -- bash ------------------------------------------------------------------------------------------------------------


def bash(manual: Manual) -> str:
    return _BASH.format(
        commands=" ".join([*(command.name for command in manual.commands), "help"]),
        globals=_words(manual.global_flags),
        global_with_value="|".join(word for flag in manual.global_flags if flag.value for word in flag.words),
        global_values=_bash_values(manual.global_flags, "        "),
        options="".join(
            f"        {command.name}) options='{_words(command.flags)}' ;;\n" for command in manual.commands
        ),
        with_value="".join(_bash_with_value(command) for command in manual.commands),
        arguments="".join(_bash_argument(command) for command in manual.commands),
        topics=" ".join([*(name for name, _, _ in manual.topics), *(command.name for command in manual.commands)]),
        signals=SIGNALS,
    )


def _words(flags: tuple[Flag, ...]) -> str:
    return " ".join(f"--{flag.name}" for flag in flags)


def _bash_values(flags: tuple[Flag, ...], indent: str, prefix: str = "") -> str:
    text = ""
    for flag in flags:
        kind = values(flag)
        if not flag.value:
            continue
        action = {"folder": "compgen -d", "file": "compgen -f", "": ":"}.get(kind, f"compgen -W '{kind}'")
        patterns = "|".join(f"{prefix}{word}" for word in flag.words)
        text += f"{indent}{patterns}) _pyoci_values {action}; return ;;\n"
    return text


def _bash_with_value(command: Command) -> str:
    return _bash_values(command.flags, "        ", f"{command.name}/")


def _bash_argument(command: Command) -> str:
    action = {
        "id": "_pyoci_values _pyoci_ids",
        "folder": "_pyoci_values compgen -d",
        "command": "_pyoci_values compgen -c",
        "shell": "_pyoci_values compgen -W 'bash zsh fish'",
    }.get(command.takes)
    if action is None:
        return ""
    pattern = command.name if command.takes == "command" or command.name == "top" else f"{command.name}/0"
    # After `pyoci top`, any number of IDs; elsewhere the first argument is one.
    return f"        {pattern}{'/*' if '/' not in pattern else ''}) {action} ;;\n"


_BASH = """\
# Completion of pyoci for bash, made by `pyoci completion bash`: source it, or install it as
# /usr/share/bash-completion/completions/pyoci.

_pyoci_values() {{
    local words
    case $1 in
    compgen) words=$("$@" -- "$current") ;;
    _pyoci_ids) words=$(compgen -W "$(_pyoci_ids)" -- "$current") ;;
    *) words= ;;
    esac
    local IFS=$'\\n'
    # shellcheck disable=SC2206 # a word is a line
    COMPREPLY=($words)
}}

_pyoci_ids() {{
    "${{COMP_WORDS[0]}}" "${{root[@]}}" list --quiet 2>/dev/null
}}

_pyoci() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command= options= arguments=0 index word
    local -a root=()
    COMPREPLY=()

    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${{COMP_WORDS[index]}}
        if [ -z "$command" ]; then
            case $word in
            --root) root=(--root "${{COMP_WORDS[index+1]}}"); ((index++)) ;;
            {global_with_value}) ((index++)) ;;
            -*) ;;
            *) command=$word ;;
            esac
        else
            case $word in
            -*) ;;
            *) ((arguments++)) ;;
            esac
        fi
    done

    if [ -z "$command" ]; then
        case $previous in
{global_values}        esac
        _pyoci_values compgen -W '{commands} {globals}'
        return
    fi
    case $command/$previous in
{with_value}    esac
    if [ "$command" = help ]; then
        _pyoci_values compgen -W '{topics}'
        return
    fi
    case $current in
    -*)
        case $command in
{options}        esac
        _pyoci_values compgen -W "$options --help"
        return
        ;;
    esac
    case $command/$arguments in
{arguments}        kill/1) _pyoci_values compgen -W '{signals}' ;;
    esac
}}

complete -o filenames -F _pyoci pyoci
"""


# -- zsh -------------------------------------------------------------------------------------------------------------


def zsh(manual: Manual) -> str:
    commands = "".join(f"        {_zsh_quote(f'{command.name}:{command.summary}')}\n" for command in manual.commands)
    cases = "".join(
        f"    {command.name})\n        _arguments -S \\\n{_zsh_flags(command.flags)}{_zsh_arguments(command)} ;;\n"
        for command in manual.commands
    )
    topics = " ".join([*(name for name, _, _ in manual.topics), *(command.name for command in manual.commands)])
    return _ZSH.format(commands=commands, cases=cases, globals=_zsh_flags(manual.global_flags), topics=topics)


def _zsh_flags(flags: tuple[Flag, ...]) -> str:
    text = ""
    for flag in flags:
        value = f":{flag.value.lower().replace(':', ' ')}:{_zsh_action(values(flag))}" if flag.value else ""
        for word in flag.words:
            text += f"            {_zsh_quote(f'*{word}[{_zsh_text(flag.help)}]{value}')} \\\n"
    return text


def _zsh_action(kind: str) -> str:
    return {"folder": "_files -/", "file": "_files", "": " "}.get(kind, f"({kind})")


def _zsh_arguments(command: Command) -> str:
    rest = {
        "id": "'1:container:_pyoci_ids' '*::argument: '",
        "folder": "'1:bundle:_files -/'",
        "command": "'*::command:_normal'",
        "shell": "'1:shell:(bash zsh fish)'",
    }.get(command.takes, "'*: : '")
    if command.name == "kill":
        rest = f"'1:container:_pyoci_ids' '2:signal:({SIGNALS})'"
    elif command.name == "top":
        rest = "'*:container:_pyoci_ids'"
    return f"            {rest}"


def _zsh_text(text: str) -> str:
    return text.replace("[", "(").replace("]", ")").replace(":", "\\:")


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_ZSH = """\
#compdef pyoci
# Completion of pyoci for zsh, made by `pyoci completion zsh`: install it as _pyoci in a folder of $fpath.

_pyoci_ids() {{
    local -a ids
    ids=(${{(f)"$(_call_program ids pyoci ${{root:+--root}} $root list --quiet 2>/dev/null)"}})
    _describe container ids
}}

_pyoci() {{
    local curcontext=$curcontext state line root
    local -a commands
    typeset -A opt_args
    commands=(
{commands}        'help:tell about a command or a topic'
    )
    _arguments -C \\
{globals}            '1: :->command' '*:: :->rest' && return
    root=${{opt_args[--root]}}
    case $state in
    command) _describe command commands ; return ;;
    esac
    case $line[1] in
{cases}    help) _arguments '1:topic:({topics})' ;;
    esac
}}

_pyoci "$@"
"""


# -- fish ------------------------------------------------------------------------------------------------------------


def fish(manual: Manual) -> str:
    every = " ".join([*(command.name for command in manual.commands), "help"])
    lines = [_FISH]
    none = f"not __fish_seen_subcommand_from {every}"
    for flag in manual.global_flags:
        lines.append(f"complete -c pyoci -n '{none}' {_fish_flag(flag)}")
    for command in manual.commands:
        lines.append(f"complete -c pyoci -f -n '{none}' -a {command.name} -d {_fish_quote(command.summary)}")
    lines.append(f"complete -c pyoci -f -n '{none}' -a help -d 'tell about a command or a topic'")
    topics = " ".join([*(name for name, _, _ in manual.topics), *(command.name for command in manual.commands)])
    lines.append(f"complete -c pyoci -f -n '__fish_seen_subcommand_from help' -a '{topics}'")
    for command in manual.commands:
        seen = f"__fish_seen_subcommand_from {command.name}"
        lines += [f"complete -c pyoci -n '{seen}' {_fish_flag(flag)}" for flag in command.flags]
        words = {
            "id": "-f -a '(__pyoci_ids)'",
            "folder": "-f -a '(__fish_complete_directories)'",
            "command": "-a '(__fish_complete_subcommand)'",
            "shell": "-f -a 'bash zsh fish'",
        }.get(command.takes, "-f")
        lines.append(f"complete -c pyoci -n '{seen}' {words}")
    lines.append(f"complete -c pyoci -f -n '__fish_seen_subcommand_from kill' -a '{SIGNALS}'")
    return "\n".join(lines) + "\n"


def _fish_flag(flag: Flag) -> str:
    text = f"-l {flag.name}" + (f" -s {flag.short}" if flag.short else "")
    if flag.value:
        kind = values(flag)
        text += {"folder": " -r -f -a '(__fish_complete_directories)'", "file": " -r -F", "": " -x"}.get(
            kind, f" -x -a '{kind}'"
        )
    return f"{text} -d {_fish_quote(flag.help)}"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_FISH = """\
# Completion of pyoci for fish, made by `pyoci completion fish`: install it as
# /usr/share/fish/vendor_completions.d/pyoci.fish.

function __pyoci_ids
    set -l words (commandline -opc)
    set -l root
    for index in (seq (count $words))
        if test $words[$index] = --root; and test $index -lt (count $words)
            set root --root $words[(math $index + 1)]
        end
    end
    pyoci $root list --quiet 2>/dev/null
end
"""

SHELLS: dict[str, Callable[[Manual], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
