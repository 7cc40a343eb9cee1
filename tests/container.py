"""Builds the image of docker/Dockerfile with buildah and runs it with runc, without a daemon and without a registry.

The public base images are stood in for by Debian's own minimal system (tests/tools/debian-base), and the compiler by a script
that hands over the binary under test, because a second build of it would take as long as the first. Everything else is the
Dockerfile's: what it copies, whom it makes, what the image starts and how its health is asked for.
"""

import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import uuid

import flightsql
from godwit_server import PASSWORD, READY, START_LIMIT, USER, binary, die_with_parent
from services import free_port

ROOT = pathlib.Path(__file__).parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile"
SUDO = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]

# It builds nothing else than what the Makefile builds.
COMPILER = """#!/bin/sh
test "$*" = "build --release --locked --workspace --bins" || exit 64
test -e Cargo.toml -a -e Cargo.lock -a -e crates/server/Cargo.toml -a -e proto || exit 66
mkdir -p target/release && cp /given/godwit target/release/godwit
"""


def base(suite):
    """The file that `make tests-ready` makes."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    archive = pathlib.Path(cache, "godwit", f"debian-{suite}.tar")
    if not archive.exists():
        raise RuntimeError(f"there is no {archive}; `make tests-ready` makes it")
    return archive


def place(otherwise):
    """Where the image's gigabyte of small files is made and removed quickest: in memory, where there is plenty."""
    memory = pathlib.Path("/dev/shm")
    available = re.search(r"MemAvailable:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text(encoding="ascii"))
    if memory.is_dir() and min(shutil.disk_usage(memory).free, int(available[1]) << 10) > 6 << 30:
        return pathlib.Path(tempfile.mkdtemp(prefix="godwit-image-", dir=memory))
    return otherwise


def command(*arguments, limit=170):
    """Runs a program with the rights that containers need, to its end; what it says."""
    done = subprocess.run([*SUDO, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=limit, check=False)
    assert done.returncode == 0, f"{arguments[:3]}: {done.stdout[-1500:]}{done.stderr[-3000:]}"
    return done.stdout


class Image:
    """The image, in a store of its own, and its files."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        lines = [line.split() for line in DOCKERFILE.read_text(encoding="utf-8").splitlines()]
        try:
            self._build(*[words[1] for words in lines if words[:1] == ["FROM"]])
        except BaseException:
            self.remove()
            raise

    def _build(self, compiler, system):
        """From these two images, the compiler's and the one that is run."""
        suite = system.rsplit(":", 1)[1].removesuffix("-slim")
        given = self.home / "given"
        given.mkdir()
        shutil.copy(binary(), given / "godwit")
        made = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", made, base(suite), "/")
        self.buildah("commit", "--quiet", made, f"docker.io/library/{system}")
        cargo = given / "cargo"
        cargo.write_text(COMPILER)
        cargo.chmod(0o755)
        self.buildah("copy", "--quiet", made, cargo, "/usr/local/bin/cargo")
        self.buildah("commit", "--quiet", "--rm", made, f"docker.io/library/{compiler}")
        # The health check is no part of the other format.
        self.buildah("build", "--isolation", "chroot", "--pull-never", "--format", "docker", "--file", DOCKERFILE,
                     "--ignorefile", f"{DOCKERFILE}.dockerignore", "--volume", f"{given}:/given:ro", "--tag", "godwit", ROOT)
        inspected = json.loads(self.buildah("inspect", "--type", "image", "localhost/godwit"))
        self.config = inspected["Docker"]["config"]
        self.root = pathlib.Path(self.buildah("mount", self.buildah("from", "localhost/godwit").strip()).strip())

    def buildah(self, *arguments):
        store = ["--root", self.home / "store", "--runroot", self.home / "run", "--storage-driver", "vfs"]
        return command("buildah", *store, *arguments)

    def size(self):
        """Of all its files, in bytes."""
        return int(command("du", "--summarize", "--bytes", self.root).split()[0])

    def remove(self):
        command("rm", "-rf", self.home)


class Container:
    """A running container of an image, as strict as docker/compose.yaml has it: a read-only root, no capabilities, no new
    privileges. It has the network of its host."""

    def __init__(self, image, home, *, env=None, calls=None):
        """`calls` are the system calls that it may use; without them, every one."""
        self.image, self.home = image, pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.name = f"godwit-test-{uuid.uuid4().hex[:12]}"
        (where,) = image.config["Volumes"]
        self.volume = self.home / "volume"
        if not self.volume.exists():
            # An empty volume begins as what the image has there.
            command("cp", "-a", image.root / where.lstrip("/"), self.volume)
        self.port, self.http_port = free_port(), free_port()
        told = {"GODWIT_LISTEN": f"0.0.0.0:{self.port}", "GODWIT_HTTP_LISTEN": f"0.0.0.0:{self.http_port}"}
        told |= {"GODWIT_ADMIN_PASSWORD": PASSWORD, **(env or {})}
        told = {**dict(each.split("=", 1) for each in image.config["Env"]), **told}
        self.environment = [f"{name}={value}" for name, value in told.items()]
        (self.home / "config.json").write_text(json.dumps(self._runtime(where, calls)))
        self.log_path = self.home / "stderr.log"
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*SUDO, *self._runc("run", "--bundle", self.home, self.name)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=die_with_parent,
            )
        self.scheme = self._wait_until_ready()

    def _runtime(self, where, calls):
        """What the OCI runtime is to do: the image's own words, and the rules of the class."""
        config = self.image.config
        user, group = map(int, config["User"].split(":"))
        allowed = {"names": calls, "action": "SCMP_ACT_ALLOW"}
        filtered = {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [allowed]}} if calls else {}
        return {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.image.root), "readonly": True},
            "hostname": "godwit",
            "process": {
                "user": {"uid": user, "gid": group},
                "args": [*config["Entrypoint"], *config["Cmd"]],
                "env": self.environment,
                "cwd": config["WorkingDir"],
                "noNewPrivileges": True,
                "capabilities": {},
                "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 4096}],
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
                {"destination": where, "type": "bind", "source": str(self.volume), "options": ["bind", "rw", "nosuid", "nodev"]},
            ],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                **filtered,
            },
        }

    def _runc(self, *arguments):
        return ["runc", "--root", str(self.image.home / "runc"), *map(str, arguments)]

    def _wait_until_ready(self):
        lines = queue.Queue()

        def pump():
            for line in self.process.stdout:
                lines.put(line.rstrip("\n"))
            lines.put(None)

        self.pump = threading.Thread(target=pump, daemon=True)
        self.pump.start()
        while (line := lines.get(timeout=START_LIMIT)) is not None:
            if match := READY.match(line):
                return match[1]
        raise RuntimeError(f"the container ended with {self.process.wait()} before it was ready\n{self.log()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.signal("KILL")
            self.process.wait(30)
        self.process.stdout.close()
        subprocess.run([*SUDO, *self._runc("delete", "--force", self.name)], capture_output=True, check=False)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def state(self):
        return json.loads(command(*self._runc("state", self.name)))

    def run(self, *arguments):
        """Runs a program within, as its user; its exit code and what it says."""
        done = subprocess.run([*SUDO, *self._runc("exec", self.name, *arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr

    def healthy(self):
        """What the image's health check says."""
        kind, *check = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.run(*check)[0] == 0

    def signal(self, name):
        command(*self._runc("kill", self.name, name))

    def stop(self, limit=30):
        """What `docker stop` does; the exit code."""
        self.signal("TERM")
        return self.process.wait(limit)

    def certificate(self):
        """The certificate that the server made for itself."""
        return command("cat", self.volume / "tls" / "cert.pem")

    def client(self):
        return flightsql.Client(f"{self.scheme}://127.0.0.1:{self.port}", USER, PASSWORD, tls_root_certs=self.certificate())
