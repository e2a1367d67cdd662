"""deploy/Dockerfile carried out step by step, without a container engine, in a clean Debian root.

Each stage is an overlay over the same base, and each RUN a process with that stage as its root directory. What stands
in for ``FROM python:...`` is Debian of the same release with its own Python of the same minor version, made by
mmdebstrap. Needs root, as chroot and mount do. Mounts live in the namespace of the process that makes them and end
with it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from tests.deploy.tools import ROOT

BASE: Final = ROOT / ".cache" / "debian-trixie"
PACKAGES: Final = "python3,python3-pip,python-is-python3"
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REGISTRY: Final = ("PIP_INDEX_URL", "PIP_CERT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""What this machine says about its way to the package index; the steps get it too."""

AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """The Dockerfile's instructions in order: keyword and the rest of the line, continued lines joined."""
    lines = [
        line for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def context(folder: Path) -> Path:
    """What `docker build` would be sent: the project as .dockerignore leaves it."""
    first, *rules = (ROOT / ".dockerignore").read_text().splitlines()[1:]
    assert first == "*"
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    dropped = [rule.removeprefix("**/") for rule in rules if not rule.startswith("!")]

    def unwanted(_: str, names: list[str]) -> set[str]:
        return {name for name in names if any(fnmatch(name, pattern) for pattern in dropped)}

    for name in kept:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, target)
    return folder


def base() -> Path:
    """The clean root, made by mmdebstrap when it is not there yet."""
    assert os.geteuid() == 0, "the steps of the Dockerfile are run in a root directory of their own: be root"
    if not BASE.is_dir():
        assert shutil.which("mmdebstrap"), "mmdebstrap is missing (Debian: apt-get install mmdebstrap)"
        made = BASE.with_name("debian-trixie.part")
        shutil.rmtree(made, ignore_errors=True)
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "trixie", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        made.rename(BASE)
    return BASE


@dataclass
class Stage:
    """One stage of the build: the base, and what its steps have changed in ``layer``."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    workdir: str = "/"
    user: str = "0:0"
    last: dict[str, str] = field(default_factory=dict)

    @property
    def layer(self) -> Path:
        """What differs from the base."""
        return self.folder / "layer"

    def command(self, arguments: Sequence[str], *, writable: bool, env: Mapping[str, str]) -> list[str]:
        """A command line that runs arguments in this stage, as its user, without any capability when that is not root.

        Args:
            arguments: program and arguments.
            writable: whether the root directory may be written to.
            env: beside the stage's own environment.
        """
        for name in ("layer", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        root = self.folder / "root"
        if writable:
            layers = f"lowerdir={base()},upperdir={self.layer},workdir={self.folder / 'work'}"
        else:
            layers = f"lowerdir={self.layer}:{base()}"
        said = [f"{name}={value}" for name, value in {**self.environment, **env}.items()]
        user, _, group = self.user.partition(":")
        confined = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"] if user != "0" else []
        enter = ["chroot", root, "/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *confined]
        inside = ["/usr/bin/env", "--ignore-environment", f"--chdir={self.workdir}", *said, *arguments]
        script = (
            f"mount -t overlay overlay -o {layers} {root}\n"
            f"mount --rbind /dev {root}/dev\n"
            f"mount -t proc proc {root}/proc\n"
            f"exec {shlex.join([*map(str, enter), *inside])}\n"
        )
        return ["unshare", "--mount", "sh", "-e", "-c", script]

    def run(self, *arguments: str, writable: bool = False, env: Mapping[str, str] | None = None) -> str:
        """Runs a command in this stage, which must succeed, and gives what it said."""
        command = self.command(arguments, writable=writable, env=env or {})
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout


def build(folder: Path) -> Stage:
    """Carries out every instruction; the last stage, where ``last`` has what ENTRYPOINT, CMD and the like say."""
    sent = context(folder / "context")
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for word, rest in instructions():
        match word:
            case "ARG":
                name, _, value = rest.partition("=")
                arguments[name] = value
            case "FROM":
                name = rest.partition(" AS ")[2] or "final"
                stage = stages[name] = Stage(folder / name)
                _prepare(stage)
            case "ENV":
                stage.environment.update(_pairs(rest, {**arguments, **stage.environment}))
            case "WORKDIR":
                stage.workdir = rest
                (stage.layer / rest.strip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = rest
            case "RUN":
                way = {name: os.environ[name] for name in REGISTRY if name in os.environ}
                stage.run("/bin/sh", "-c", rest, writable=True, env=way)
            case "COPY":
                _copy(rest, sent, stages, stage)
            case "LABEL" | "EXPOSE" | "STOPSIGNAL" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                stage.last[word] = rest
            case _:
                raise AssertionError(f"nobody has said how to do {word} without a container engine")
    return stage


def listed(text: str) -> list[str]:
    """The words of an instruction in its JSON form."""
    words: list[str] = json.loads(text[text.index("[") :])
    return words


def _prepare(stage: Stage) -> None:
    """The network of a build: this machine's name servers and certificate authorities."""
    for path in (Path("/etc/resolv.conf"), AUTHORITIES):
        if path.exists():
            copy = stage.layer / path.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def _pairs(rest: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for pair in shlex.split(rest):
        name, _, value = pair.partition("=")
        yield name, re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], value)


def _copy(rest: str, sent: Path, stages: Mapping[str, Stage], stage: Stage) -> None:
    *words, target = rest.split()
    source = sent
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].layer
    place = stage.layer / stage.workdir.strip("/") / target if not target.startswith("/") else stage.layer / target[1:]
    for word in words:
        path = source / word.strip("/")
        if path.is_dir():
            shutil.copytree(path, place, symlinks=True, dirs_exist_ok=True)
        else:
            to = place / path.name if target.endswith("/") else place
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)
