"""What docker must be able to do with the runtime."""

from __future__ import annotations

import json
import time

from lib import criu
from lib.docker import CASES, HANDLER, Docker
from lib.image import REFERENCE, USER, USER_ID
from lib.processes import cgroup_value, fetch
from lib.shell import Failed, Result, Skipped

case = CASES.case
_SLEEP = ("sleep", "1000")


@case()
def add_runtime(docker: Docker) -> None:
    """The daemon knows the runtime that --add-runtime names, and containers use it."""
    known = json.loads(docker.docker("info", "--format", "{{json .Runtimes}}").ok().out)
    if known.get(HANDLER, {}).get("path") != str(docker.runtime):
        raise Failed(f"docker info: {known}")
    docker.detached("box", "--", *_SLEEP)
    if docker.inspect("box", "{{.HostConfig.Runtime}}") != HANDLER:
        raise Failed("the container uses another runtime")


@case()
def run(docker: Docker) -> None:
    """The command's output and exit status come through, with user, environment and standard input."""
    docker.run("sh", "-c", "echo out; echo $FROM_IMAGE; exit 7").exits(7).prints("out\nyes")
    docker.run("--interactive", "--", "cat", stdin="through").ok().prints("through")
    options = ("--user", USER, "--workdir", "/tmp", "--env", "A=b")
    docker.run(*options, "--", "sh", "-c", "id -u; pwd; echo $A").ok().prints(f"{USER_ID}\n/tmp\nb")


@case()
def run_terminal(docker: Docker) -> None:
    """`run -it` gives a terminal of the caller's size, to which one can type."""
    sized = "until stty size | grep '31 99'; do sleep 0.1; done"  # docker gives the size once the container runs
    talk = [("#", f"{sized}; test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 5\n")]
    command = ("run", "--rm", "--runtime", HANDLER, "-it", REFERENCE, "sh")
    docker.terminal(*command, talk=talk, rows=31, columns=99).exits(5).shows("31 99")


@case()
def exec(docker: Docker) -> None:
    """`exec` runs in the container, with options, on a terminal, and gives the status."""
    docker.detached("box", "--", *_SLEEP)
    docker.docker("exec", "box", "sh", "-c", "echo in; exit 3").exits(3).prints("in")
    options = ("--user", USER, "--workdir", "/tmp", "--env", "A=b")
    docker.docker("exec", *options, "box", "sh", "-c", "id -un; pwd; echo $A").ok().prints(f"{USER}\n/tmp\nb")
    docker.docker("exec", "--interactive", "box", "cat", stdin="typed").ok().prints("typed")
    talk = [("#", "test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 4\n")]
    docker.terminal("exec", "-it", "box", "sh", talk=talk).exits(4)


@case()
def logs(docker: Docker) -> None:
    """`logs` shows what both outputs printed."""
    docker.detached("box", "--", "sh", "-c", "echo out; echo err >&2")
    docker.docker("wait", "box").ok()
    seen = docker.docker("logs", "box").ok()
    if (seen.out.strip(), seen.err.strip()) != ("out", "err"):
        raise Failed(f"logs: {seen.out!r}, {seen.err!r}")


@case()
def pause_unpause(docker: Docker) -> None:
    """A paused container stands still and goes on."""
    docker.detached("box", "--", *_SLEEP)
    docker.docker("pause", "box").ok()
    if docker.inspect("box", "{{.State.Status}}") != "paused":
        raise Failed("not in state paused")
    docker.docker("unpause", "box").ok()
    docker.docker("exec", "box", "true").ok()


@case()
def update(docker: Docker) -> None:
    """`update` changes the limits of a running container."""
    docker.detached("box", "--memory", "64m", "--memory-swap", "64m", "--", *_SLEEP)
    docker.docker(
        "update", "--memory", "48m", "--memory-swap", "48m", "--cpus", "0.5", "--pids-limit", "99", "box"
    ).ok()
    pid = docker.inspect("box", "{{.State.Pid}}")
    memory = cgroup_value(pid, "memory", "memory.limit_in_bytes", "memory.max")
    quota = cgroup_value(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
    pids = cgroup_value(pid, "pids", "pids.max", "pids.max")
    if (memory, quota, pids) != (str(48 << 20), "50000", "99"):
        raise Failed(f"after the update: memory {memory}, quota {quota}, pids {pids}")


@case()
def stats(docker: Docker) -> None:
    """`stats` counts memory and processes; `top` lists them."""
    docker.detached("box", "--", "sh", "-c", "sleep 1000 & sleep 1000")
    row = json.loads(docker.docker("stats", "--no-stream", "--format", "{{json .}}", "box").ok().out)
    if row["PIDs"] not in ("2", "3") or row["MemUsage"].startswith("0B"):
        raise Failed(f"stats: {row}")
    docker.docker("top", "box").ok().shows("sleep 1000")


@case()
def restart(docker: Docker) -> None:
    """`restart` gives a new process in the same container."""
    docker.detached("box", "--", "sh", "-c", "echo once >> /log; exec sleep 1000")
    docker.shell.until(lambda: docker.docker("exec", "box", "cat", "/log").out == "once\n", "the first start")
    docker.docker("restart", "--time", "0", "box").ok()
    docker.shell.until(lambda: docker.docker("exec", "box", "cat", "/log").out == "once\nonce\n", "the second start")


@case()
def stop_kill(docker: Docker) -> None:
    """`stop` sends SIGTERM, `kill` the signal that is asked for."""
    docker.detached("box", "--", "sh", "-c", "trap 'exit 42' TERM; trap 'exit 11' USR1; while :; do sleep 0.1; done")
    docker.docker("exec", "box", "true").ok()
    docker.docker("stop", "box").ok()
    docker.docker("wait", "box").ok().prints("42")
    docker.docker("start", "box").ok()
    docker.docker("exec", "box", "true").ok()
    docker.docker("kill", "--signal", "USR1", "box").ok()
    docker.docker("wait", "box").ok().prints("11")


@case()
def not_found_127(docker: Docker) -> None:
    """A command that is not there exits 127 on run, 126 or, since docker 28, 127 on exec, with docker's words."""
    docker.run("no-such-program").exits(127).shows("executable file not found in $PATH")
    docker.run("/no/such").exits(127).shows("no such file or directory")
    docker.detached("box", "--", *_SLEEP)
    done = docker.docker("exec", "box", "no-such-program").shows("executable file not found in $PATH")
    done.exits(127 if done.status == 127 else 126)


@case()
def not_executable_126(docker: Docker) -> None:
    """A command that cannot be executed exits 126, with docker's words."""
    docker.run("/etc/not-executable").exits(126).shows("permission denied")
    docker.run("/etc").exits(126)


@case()
def init(docker: Docker) -> None:
    """--init puts an init before the command, which reaps."""
    docker.run("--init", "--", "sh", "-c", "test $$ != 1 && cat /proc/1/comm").ok().shows("init")


@case()
def healthcheck(docker: Docker) -> None:
    """Health checks run by themselves and tell the state."""
    options = ("--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "1")
    docker.detached("box", *options, "--", *_SLEEP)
    docker.shell.until(lambda: docker.inspect("box", "{{.State.Health.Status}}") == "unhealthy", "unhealthy")
    docker.docker("exec", "box", "touch", "/tmp/well").ok()
    docker.shell.until(lambda: docker.inspect("box", "{{.State.Health.Status}}") == "healthy", "healthy")


@case()
def build(docker: Docker) -> None:
    """`docker build` with the classic builder runs its RUN steps in the runtime."""
    folder = docker.base / "build"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {REFERENCE}\nRUN echo built > /built && id -u\nCMD cat /built\n")
    docker.docker("build", "--network", "none", "--tag", "built", folder).ok()
    docker.docker("run", "--rm", "built").ok().prints("built")
    (folder / "Dockerfile").write_text(f"FROM {REFERENCE}\nRUN exit 9\n")
    failed = docker.docker("build", "--network", "none", folder)
    if failed.status == 0 or "returned a non-zero code: 9" not in failed.err + failed.out:
        raise Failed(f"a failing step: {failed.words}")


@case()
def security(docker: Docker) -> None:
    """Capabilities, seccomp, no-new-privileges, read-only roots, devices, sysctls and ulimits arrive."""
    docker.run("--cap-drop", "ALL", "--", "chown", "1:1", "/tmp").exits(1)
    docker.run("grep", "Seccomp:", "/proc/self/status").ok().shows("2")
    docker.run("--security-opt", "no-new-privileges", "--", "grep", "NoNewPrivs", "/proc/self/status").ok().shows("1")
    docker.run("--read-only", "--tmpfs", "/t", "--", "sh", "-c", "touch /x 2>/dev/null || touch /t/x").ok()
    docker.run("--device", "/dev/loop-control:/dev/given", "--", "test", "-c", "/dev/given").ok()
    ttl = "net.ipv4.ip_default_ttl"
    docker.run("--sysctl", f"{ttl}=77", "--", "cat", f"/proc/sys/{ttl.replace('.', '/')}").ok().prints("77")
    docker.run("--ulimit", "nofile=100:200", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn").ok().prints("100\n200")


@case()
def volumes(docker: Docker) -> None:
    """Bind mounts, named volumes and `cp`."""
    folder = docker.base / "volume"
    folder.mkdir()
    (folder / "file").write_text("from host\n")
    docker.run("--volume", f"{folder}:/v", "--", "sh", "-c", "cat /v/file; echo > /v/new").ok().prints("from host")
    docker.run("--volume", f"{folder}:/v:ro", "--", "touch", "/v/x").exits(1)
    docker.run("--volume", "named:/n", "--", "sh", "-c", "echo kept > /n/x").ok()
    docker.run("--volume", "named:/n", "--", "cat", "/n/x").ok().prints("kept")
    docker.detached("box", "--", *_SLEEP)
    docker.docker("cp", folder / "file", "box:/tmp/there").ok()
    docker.docker("exec", "box", "cat", "/tmp/there").ok().prints("from host")


@case()
def network(docker: Docker) -> None:
    """--network none leaves loopback only; a published port is reached over the bridge."""
    docker.run("--network", "none", "--", "ls", "/sys/class/net").ok().prints("lo")
    docker.detached("web", "--publish", "8080:80", "--", "httpd", "-f", "-p", "80", "-h", "/www")
    docker.shell.until(lambda: fetch("127.0.0.1", 8080) == "published\n", "an answer on the published port")


@case()
def out_of_memory(docker: Docker) -> None:
    """A process that exceeds the memory limit is killed, and docker knows why."""
    limits = ("--memory", "32m", "--memory-swap", "32m")
    docker.detached("box", *limits, "--", "dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1")
    docker.docker("wait", "box").ok().prints("137")
    if docker.inspect("box", "{{.State.OOMKilled}}") != "true":
        raise Failed("docker does not say that it was the memory limit")


@case(limit=120.0)
def checkpoint(docker: Docker) -> None:
    """`checkpoint create` leaves the container running with --leave-running, and ends it otherwise."""
    criu.needed(docker.shell)
    docker.detached("box", "--", *criu.COUNT)
    docker.shell.until(lambda: _last(docker) > 1, "it counts")
    docker.docker("checkpoint", "create", "--leave-running", "box", "first").ok()
    before = _last(docker)
    docker.shell.until(lambda: _last(docker) > before, "it goes on after the checkpoint")
    docker.docker("checkpoint", "create", "box", "second").ok()
    docker.shell.until(lambda: docker.inspect("box", "{{.State.Status}}") == "exited", "its end")
    docker.docker("checkpoint", "ls", "box").ok().shows("second")


@case(limit=120.0)
def checkpoint_start(docker: Docker) -> None:
    """`start --checkpoint` goes on counting."""
    criu.needed(docker.shell)
    docker.detached("box", "--network", "host", "--", *criu.COUNT)
    docker.shell.until(lambda: _last(docker) > 1, "it counts")
    before = _last(docker)
    docker.docker("checkpoint", "create", "box", "point").ok()
    docker.shell.until(lambda: docker.inspect("box", "{{.State.Status}}") == "exited", "its end")
    started = _started_from_checkpoint(docker)
    if "/proc/0/ns/net" in started.err:
        # docker 28.5: the shim restores at the start that would follow, so that there is no process yet
        raise Skipped("this dockerd looks for the network of a process before it asks for it")
    started.ok()
    docker.shell.until(lambda: _last(docker) > before, "it counts again")
    docker.docker("exec", "box", "cat", "/starts").ok().prints("started")


def _started_from_checkpoint(docker: Docker) -> Result:
    """Tried again while containerd has what `checkpoint create` stored: docker 26 stores it anew and is refused."""
    for _ in range(20):
        started = docker.docker("start", "--checkpoint", "point", "box")
        if "already exists" not in started.err:
            break
        time.sleep(0.5)
    return started


def _last(docker: Docker) -> int:
    return int(docker.docker("exec", "box", "cat", "/last").out.strip() or 0)
