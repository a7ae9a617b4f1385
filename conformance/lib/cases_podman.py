"""What podman must be able to do with the runtime, as root."""

from __future__ import annotations

import json
from pathlib import Path

from lib.image import REFERENCE, USER, USER_ID
from lib.podman import CASES, SLEEP, Podman
from lib.processes import cgroup_value, fetch
from lib.shell import Failed

case = CASES.case

_CAP_EFFECTIVE = ("sh", "-c", "grep CapEff /proc/self/status | cut -f2")
_CHOWN, _NET_ADMIN = 1 << 0, 1 << 12


@case()
def run(podman: Podman) -> None:
    """The command's output and exit status come through, with the image's environment and standard input."""
    podman.run("sh", "-c", "echo out; echo $FROM_IMAGE; exit 7").exits(7).prints("out\nyes")
    podman.run("--interactive", "--", "cat", stdin="through").ok().prints("through")
    podman.run(
        "--user", USER, "--workdir", "/tmp", "--env", "A=b", "--", "sh", "-c", "id -u; pwd; echo $A"
    ).ok().prints(f"{USER_ID}\n/tmp\nb")


@case()
def run_detached(podman: Podman) -> None:
    """`run -d` returns while the container runs; `wait` gives its status."""
    podman.detached("d", "--", "sh", "-c", "sleep 1; exit 9")
    podman.podman("wait", "d").ok().prints("9")
    if podman.inspect("d", "{{.State.Status}} {{.State.ExitCode}}") != "exited 9":
        raise Failed(f"state is {podman.inspect('d', '{{.State}}')}")


@case()
def run_terminal(podman: Podman) -> None:
    """`run -it` gives a terminal of the caller's size, to which one can type."""
    talk = [("#", "stty size; test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 5\n")]
    seen = podman.terminal("run", "--rm", "-it", REFERENCE, "sh", talk=talk, rows=31, columns=99)
    seen.exits(5).shows("31 99")


@case()
def exec(podman: Podman) -> None:
    """`exec` runs in the container, with options, on a terminal, and gives the status."""
    podman.detached("e", "--", *SLEEP)
    podman.podman("exec", "e", "sh", "-c", "echo in; exit 3").exits(3).prints("in")
    podman.podman(
        "exec", "--user", USER, "--workdir", "/tmp", "--env", "A=b", "e", "sh", "-c", "id -un; pwd; echo $A"
    ).prints(f"{USER}\n/tmp\nb")
    podman.podman("exec", "--interactive", "e", "cat", stdin="typed").prints("typed")
    podman.podman("exec", "--detach", "e", "sh", "-c", "echo > /tmp/detached").ok()
    podman.shell.until(lambda: podman.podman("exec", "e", "test", "-e", "/tmp/detached").status == 0, "exec --detach")
    talk = [("#", "test -t 0 && echo a-$((1+1))\n"), ("a-2", "exit 4\n")]
    podman.terminal("exec", "-it", "e", "sh", talk=talk).exits(4)
    podman.podman("exec", "e", "no-such-program").exits(127)
    podman.podman("exec", "e", "/etc/not-executable").exits(126)


@case()
def create_start_attach(podman: Podman) -> None:
    """A container is created, started and attached to one after the other."""
    podman.podman("create", "--interactive", "--name", "c", REFERENCE, "sh", "-c", "read line; echo got $line").ok()
    if podman.inspect("c", "{{.State.Status}}") != "created":
        raise Failed("not in state created")
    podman.podman("start", "--attach", "--interactive", "c", stdin="words\n").ok().prints("got words")
    podman.detached("a", "--interactive", "--", "sh", "-c", "read line; echo late $line")
    podman.podman("attach", "a", stdin="words\n").ok().prints("late words")


@case()
def logs(podman: Podman) -> None:
    """`logs` shows what both outputs printed."""
    podman.detached("l", "--", "sh", "-c", "echo out; echo err >&2")
    podman.podman("wait", "l").ok()
    seen = podman.podman("logs", "l").ok()
    if (seen.out.strip(), seen.err.strip()) != ("out", "err"):
        raise Failed(f"logs: {seen.out!r}, {seen.err!r}")


@case()
def stop(podman: Podman) -> None:
    """`stop` sends SIGTERM, and SIGKILL to one that does not listen."""
    podman.detached("s", "--", "sh", "-c", "trap 'exit 42' TERM; while :; do sleep 0.1; done")
    podman.podman("exec", "s", "true").ok()
    podman.podman("stop", "s").ok()
    podman.podman("wait", "s").prints("42")
    podman.detached("deaf", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    podman.podman("stop", "--time", "1", "deaf").ok()
    podman.podman("wait", "deaf").prints("137")


@case()
def kill(podman: Podman) -> None:
    """`kill` sends the signal that is asked for."""
    podman.detached("k", "--", "sh", "-c", "trap 'exit 11' USR1; while :; do sleep 0.1; done")
    podman.podman("exec", "k", "true").ok()
    podman.podman("kill", "--signal", "USR1", "k").ok()
    podman.podman("wait", "k").prints("11")
    podman.detached("k9", "--", *SLEEP)
    podman.podman("kill", "k9").ok()
    podman.podman("wait", "k9").prints("137")


@case()
def restart(podman: Podman) -> None:
    """`restart` gives a new process in the same container."""
    podman.detached("r", "--", "sh", "-c", "echo once >> /log; exec sleep 1000")
    podman.shell.until(lambda: podman.podman("exec", "r", "cat", "/log").out == "once\n", "the first start")
    podman.podman("restart", "--time", "0", "r").ok()
    podman.shell.until(lambda: podman.podman("exec", "r", "cat", "/log").out == "once\nonce\n", "the second start")


@case()
def pause_unpause(podman: Podman) -> None:
    """A paused container stands still and goes on."""
    podman.detached("p", "--", "sh", "-c", "while :; do date +%s%N > /now; sleep 0.1; done")
    podman.podman("exec", "p", "true").ok()
    podman.podman("pause", "p").ok()
    if podman.inspect("p", "{{.State.Status}}") != "paused":
        raise Failed("not in state paused")
    podman.podman("exec", "p", "true").exits(255)
    podman.podman("unpause", "p").ok()
    podman.podman("exec", "p", "true").ok()


@case()
def stats(podman: Podman) -> None:
    """`stats` counts memory and processes."""
    podman.detached("st", "--", "sh", "-c", "sleep 1000 & sleep 1000")
    seen = podman.podman("stats", "--no-stream", "--format", "json", "st").ok()
    (row,) = json.loads(seen.out)
    if row["pids"] not in ("2", "3") or row["mem_usage"].startswith("0B"):
        raise Failed(f"stats: {row}")


@case()
def top(podman: Podman) -> None:
    """`top` lists the container's processes."""
    podman.detached("t", "--", *SLEEP)
    podman.podman("top", "t", "pid", "args").ok().shows("sleep 1000")


@case()
def cp(podman: Podman) -> None:
    """Files are copied into a running container and out of it."""
    podman.detached("cp", "--", *SLEEP)
    source = podman.base / "copied"
    source.write_text("copied")
    podman.podman("cp", source, "cp:/tmp/there").ok()
    podman.podman("exec", "cp", "cat", "/tmp/there").prints("copied")
    podman.podman("cp", "cp:/tmp/there", podman.base / "back").ok()
    if (podman.base / "back").read_text() != "copied":
        raise Failed("the copy out differs")


@case()
def healthcheck(podman: Podman) -> None:
    """`healthcheck run` tells a healthy container from one that is not."""
    podman.detached(
        "h",
        "--health-cmd",
        "test -e /tmp/well",
        "--health-interval",
        "disable",
        "--health-retries",
        "1",
        "--",
        *SLEEP,
    )
    podman.podman("healthcheck", "run", "h").exits(1)
    podman.podman("exec", "h", "touch", "/tmp/well").ok()
    podman.podman("healthcheck", "run", "h").ok()


@case()
def pod(podman: Podman) -> None:
    """Containers of a pod share the network, the host name and IPC; the pod stops and starts as one."""
    podman.podman("pod", "create", "--name", "pod", "--hostname", "podname").ok()
    podman.podman(
        "run", "-d", "--pod", "pod", "--name", "server", REFERENCE, "httpd", "-f", "-p", "8000", "-h", "/www"
    ).ok()
    fetch = ("sh", "-c", "until wget -q -O - http://127.0.0.1:8000/; do sleep 0.1; done; hostname")
    podman.podman("run", "--rm", "--pod", "pod", REFERENCE, *fetch).ok().prints("published\npodname")
    podman.podman("pod", "stop", "--time", "0", "pod").ok()
    podman.podman("pod", "start", "pod").ok()
    podman.podman("pod", "pause", "pod").ok()
    podman.podman("pod", "unpause", "pod").ok()
    podman.podman("pod", "rm", "--force", "--time", "0", "pod").ok()


_KUBE = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: kube}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: {REFERENCE}
    imagePullPolicy: Never
    command: [sh, -c, "echo $GREETING; id -u; exec sleep 1000"]
    env: [{{name: GREETING, value: hello}}]
    securityContext: {{runAsUser: {USER_ID}, capabilities: {{drop: [ALL]}}}}
    resources: {{limits: {{memory: 64Mi}}}}
"""


@case()
def play_kube(podman: Podman) -> None:
    """`play kube` starts a pod from Kubernetes' YAML, and `--down` removes it."""
    path = podman.base / "kube.yaml"
    path.write_text(_KUBE)
    podman.podman("play", "kube", path).ok()
    podman.shell.until(lambda: podman.podman("logs", "kube-main").out == f"hello\n{USER_ID}\n", "the log of kube-main")
    podman.podman("play", "kube", "--down", path).ok()


@case()
def read_only(podman: Podman) -> None:
    """With --read-only the root cannot be written, /tmp can."""
    podman.run(
        "--read-only", "--", "sh", "-c", "touch /x 2>/dev/null || echo refused; touch /tmp/x && echo taken"
    ).ok().prints("refused\ntaken")


@case()
def tmpfs(podman: Podman) -> None:
    """--tmpfs mounts one with its options."""
    seen = podman.run(
        "--tmpfs",
        "/scratch:rw,size=1m,mode=1770,noexec",
        "--",
        "sh",
        "-c",
        "grep /scratch /proc/mounts; stat -c %a /scratch",
    )
    seen.ok().shows("size=1024k").shows("noexec").shows("1770")


@case()
def volumes(podman: Podman) -> None:
    """Bind mounts (rw, ro), single files and named volumes."""
    folder = podman.base / "volume"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text("from host")
    podman.run("--volume", f"{folder}:/v", "--", "sh", "-c", "cat /v/file; echo > /v/new").ok().prints("from host")
    if not (folder / "new").exists():
        raise Failed("the file written into the volume is not on the host")
    podman.run("--volume", f"{folder}:/v:ro", "--", "touch", "/v/x").exits(1)
    podman.run("--volume", f"{folder / 'file'}:/etc/one:ro", "--", "cat", "/etc/one").ok().prints("from host")
    podman.run("--volume", "named:/n", "--", "sh", "-c", "echo kept > /n/x").ok()
    podman.run("--volume", "named:/n", "--", "cat", "/n/x").ok().prints("kept")


@case()
def user_namespace(podman: Podman) -> None:
    """--uidmap and --gidmap: root in the container is another user on the host."""
    script = "cat /proc/self/uid_map; id -u; touch /made; stat -c %u:%g /made"
    seen = podman.run("--uidmap", "0:200000:5000", "--gidmap", "0:300000:5000", "--", "sh", "-c", script).ok()
    if seen.out.split() != ["0", "200000", "5000", "0", "0:0"]:
        raise Failed(f"in the user namespace: {seen.out!r}")
    podman.detached("u", "--uidmap", "0:200000:5000", "--", *SLEEP)
    pid = podman.inspect("u", "{{.State.Pid}}")
    if "\t200000\t" not in Path(f"/proc/{pid}/status").read_text():
        raise Failed("on the host the process is not user 200000")
    podman.podman("exec", "u", "id", "-u").ok().prints("0")


@case()
def capabilities(podman: Podman) -> None:
    """--cap-add and --cap-drop."""
    added = int(podman.run("--cap-add", "NET_ADMIN", "--", *_CAP_EFFECTIVE).ok().out, 16)
    dropped = int(podman.run("--cap-drop", "CHOWN", "--", *_CAP_EFFECTIVE).ok().out, 16)
    none = int(podman.run("--cap-drop", "ALL", "--", *_CAP_EFFECTIVE).ok().out, 16)
    if not added & _NET_ADMIN or dropped & _CHOWN or none:
        raise Failed(f"effective: with NET_ADMIN {added:x}, without CHOWN {dropped:x}, with none {none:x}")
    podman.run("--cap-drop", "CHOWN", "--", "chown", "1:1", "/tmp").exits(1)


@case()
def seccomp(podman: Podman) -> None:
    """--security-opt seccomp=FILE forbids what the file says, and the default profile filters too."""
    podman.run("grep", "Seccomp:", "/proc/self/status").ok().shows("2")
    profile = podman.base / "seccomp.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    option = ("--security-opt", f"seccomp={profile}")
    podman.run(*option, "--", "mkdir", "/tmp/x").exits(1).shows("not supported")
    podman.run("--security-opt", "seccomp=unconfined", "--", "grep", "Seccomp:", "/proc/self/status").ok().shows("0")


@case()
def no_new_privileges(podman: Podman) -> None:
    """--security-opt no-new-privileges."""
    podman.run("--security-opt", "no-new-privileges", "--", "grep", "NoNewPrivs", "/proc/self/status").ok().shows("1")


@case()
def ulimit(podman: Podman) -> None:
    """--ulimit sets soft and hard limits."""
    podman.run(
        "--ulimit",
        "nofile=100:200",
        "--ulimit",
        "nproc=1000:1000",
        "--",
        "sh",
        "-c",
        "ulimit -Sn; ulimit -Hn",
    ).ok().prints("100\n200")


@case()
def sysctl(podman: Podman) -> None:
    """--sysctl sets a value of the container's own namespaces."""
    podman.run("--sysctl", "net.ipv4.ip_default_ttl=77", "--", "cat", "/proc/sys/net/ipv4/ip_default_ttl").ok().prints(
        "77"
    )


@case()
def device(podman: Podman) -> None:
    """--device makes the node and allows it; others are refused."""
    podman.run(
        "--device", "/dev/loop-control:/dev/given", "--", "sh", "-c", ": < /dev/given && echo opened"
    ).ok().prints("opened")
    podman.run("--cap-add", "MKNOD", "--", "sh", "-c", "mknod /tmp/l c 10 237 && : < /tmp/l").exits(1).shows(
        "not permitted"
    )


@case()
def memory(podman: Podman) -> None:
    """--memory is the limit of the cgroup, and a process that exceeds it is killed."""
    podman.detached("m", "--memory", "32m", "--memory-swap", "32m", "--", *SLEEP)
    limit = cgroup_value(podman.inspect("m", "{{.State.Pid}}"), "memory", "memory.limit_in_bytes", "memory.max")
    if limit != str(32 << 20):
        raise Failed(f"limit is {limit}")
    podman.run(
        "--memory",
        "32m",
        "--memory-swap",
        "32m",
        "--",
        "sh",
        "-c",
        "dd if=/dev/zero of=/dev/null bs=100M count=1",
    ).exits(137)


@case()
def cpus(podman: Podman) -> None:
    """--cpus is the quota of the cgroup; --cpuset-cpus pins."""
    podman.detached("cpu", "--cpus", "0.5", "--cpuset-cpus", "0", "--", *SLEEP)
    quota = cgroup_value(podman.inspect("cpu", "{{.State.Pid}}"), "cpu", "cpu.cfs_quota_us", "cpu.max")
    if quota.split()[0] != "50000":
        raise Failed(f"quota is {quota}")
    podman.podman("exec", "cpu", "grep", "Cpus_allowed_list", "/proc/self/status").ok().prints("Cpus_allowed_list:\t0")


@case()
def pids_limit(podman: Podman) -> None:
    """--pids-limit stops a fork beyond it."""
    seen = podman.run("--pids-limit", "5", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait")
    seen.shows("can't fork")


@case()
def update(podman: Podman) -> None:
    """`update` changes the limits of a running container."""
    podman.detached("up", "--memory", "64m", "--", *SLEEP)
    podman.podman("update", "--memory", "48m", "up").ok()
    limit = cgroup_value(podman.inspect("up", "{{.State.Pid}}"), "memory", "memory.limit_in_bytes", "memory.max")
    if limit != str(48 << 20):
        raise Failed(f"limit is {limit} after the update")


@case()
def network_none(podman: Podman) -> None:
    """--network none leaves loopback only, and that is up."""
    podman.run("--network", "none", "--", "sh", "-c", "ls /sys/class/net; ip -o addr show lo").ok().shows(
        "127.0.0.1"
    ).shows("lo")


@case()
def published_port(podman: Podman) -> None:
    """A server on the bridge is reached over its published port."""
    podman.detached("web", "--publish", "8080:80", "--", "httpd", "-f", "-p", "80", "-h", "/www")
    address = podman.inspect("web", "{{.NetworkSettings.IPAddress}}")
    podman.shell.until(lambda: fetch(address, 80) == "published\n", f"an answer from {address}")
    podman.shell.until(lambda: fetch("127.0.0.1", 8080) == "published\n", "an answer on the published port")


@case()
def init(podman: Podman) -> None:
    """--init puts an init before the command, which reaps."""
    podman.run("--init", "--", "sh", "-c", "test $$ != 1 && cat /proc/1/comm").ok().prints("podman-init")


@case()
def exit_codes(podman: Podman) -> None:
    """A command that is not found gives 127, one that cannot be executed 126, in text and in JSON logs."""
    known = podman.base / "known.conf"
    podman.write_configuration(known, engine=f'runtime_supports_json = ["{podman.runtime.name}"]')
    for conf in (podman.configuration, known):
        for command, status in (
            ("no-such", 127),
            ("/no/such", 127),
            ("/etc/not-executable", 126),
            ("/etc", 126),
        ):
            podman.podman("run", "--rm", REFERENCE, command, conf=conf).exits(status)
    podman.run("--workdir", "/etc/original", "--", "true").exits(126)
