#!/usr/bin/env python3
"""The completions of kedgectl, in the shells that they are for."""
import os
import shutil
import subprocess
import sys

from harness import Skip, program, run
from test_ctl import NAME, start

COMPLETION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/completion")


def bash(agent, *words):
    """What bash offers for the last word."""
    script = f"""source {COMPLETION}/bash/kedgectl
        complete -p kedgectl >/dev/null || exit 1
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _kedgectl "$1"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    r = subprocess.run(["bash", "--norc", "-c", script, "bash", program("agent/kedgectl/kedgectl"), *words], text=True,
                       capture_output=True, timeout=60, env={**os.environ, "KEDGE_RUNTIME_DIR": agent.run if agent else "/nowhere"})
    assert r.returncode == 0 and r.stderr == "", (words, r.stderr)
    return r.stdout.split()


def test_bash_completes(folder):
    assert bash(None, "ex") == ["explain"] and "status" in bash(None, "")
    assert bash(None, "--no-") == ["--no-color", "--no-pager", "--no-wait"] and bash(None, "status", "--js") == ["--json"]
    assert bash(None, "--count", "") == [] and bash(None, "--count", "3", "mon") == ["monitor"]
    assert bash(None, "checkpoint", "f") == ["fetch"] and bash(None, "record", "pro") == ["promote"]
    assert bash(None, "record", "clear", "x.fleet", "serv") == ["server_ip", "server_ip6"]
    assert bash(None, "who", "roo") == ["root"] and bash(None, "wh") == ["who"]
    assert bash(None, "record", "us") == ["user"] and bash(None, "record", "user", "rev") == ["revoke"]
    assert bash(None, "record", "user", "set", "alice", "ss") == ["ssh", "ssh_next"]
    assert bash(None, "record", "user", "set", "a") == [] and bash(None, "record", "user", "revoke", "alice", "s") == []
    assert bash(None, "se") == ["setup"] and bash(None, "setup", "--kind", "") == ["map", "ens"]
    assert "diode" in bash(None, "setup", "--chain", "") and bash(None, "setup", "--chain", "diode", "--up") == ["--upstream"]
    assert bash(None, "explain", "") == [], "there is no agent"
    _, agent = start(folder)
    agent.resolve("pump1." + NAME)
    assert sorted(bash(agent, "explain", "")) == [NAME, "pump1." + NAME]
    assert bash(agent, "--json", "query", "pu") == ["pump1." + NAME] and bash(agent, "query", NAME, "") == []
    assert bash(agent, "watch", NAME, "pu") == ["pump1." + NAME]
    assert bash(agent, "time", "--chain", "") == ["diode"] and bash(agent, "checkpoint", "show", "d") == ["diode"]
    assert bash(agent, "--zone", "") == [NAME]


def test_zsh_knows_it(folder):
    if not shutil.which("zsh"):
        raise Skip("zsh is not here")
    subprocess.run(["zsh", "-n", COMPLETION + "/zsh/_kedgectl"], check=True)
    script = f"""fpath=({COMPLETION}/zsh $fpath); autoload -Uz compinit; compinit -u -d {folder.path}/dump
        print $_comps[kedgectl]; autoload +X -Uz _kedgectl && print $+functions[_kedgectl]"""
    r = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=60)
    assert r.stdout.split() == ["_kedgectl", "1"] and r.stderr == "", (r.stdout, r.stderr)


def test_zsh_completes(folder):
    """A zsh on a terminal of its own lists what it offers for a word."""
    if not shutil.which("zsh"):
        raise Skip("zsh is not here")
    _, agent = start(folder)
    agent.resolve("pump1." + NAME)
    script = f"""zmodload zsh/zpty || exit 77
        zpty shell zsh -f -i
        expect() {{ local seen= got; repeat 600 {{ while zpty -rt shell got; do seen+=$got; done
                [[ $seen == *$1* ]] && return; sleep 0.05 }}; print -r -- "missing $1 in $seen"; exit 1 }}
        zpty -w shell "PS1=; unsetopt zle_bracketed_paste 2>/dev/null; fpath=({COMPLETION}/zsh $fpath); autoload -Uz compinit"
        zpty -w shell "compinit -u -d {folder.path}/dump; print rea''dy"
        expect ready
        zpty -wn shell $'kedgectl explain pum\\t'
        expect pump1.{NAME}
        zpty -wn shell $'\\025kedgectl --no-p\\t'
        expect --no-pager
        zpty -wn shell $'\\025kedgectl doct\\t'
        expect doctor
        print well
    """
    path = os.path.dirname(program("agent/kedgectl/kedgectl")) + ":" + os.environ["PATH"]
    r = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=150,
                       env={**os.environ, "PATH": path, "KEDGE_RUNTIME_DIR": agent.run, "TERM": "dumb"})
    if r.returncode == 77:
        raise Skip("zsh has no zpty")
    assert r.stdout.strip().endswith("well"), (r.stdout[-1500:], r.stderr[-500:])


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
