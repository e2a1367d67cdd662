"""Jars from Maven Central, kept in the cache of the tests."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


class UnavailableError(RuntimeError):
    """Java or Maven is missing, or a download failed; the message says which."""


def program(name: str, package: str) -> str:
    """The path of a program that comes with a Debian package.

    Raises:
        UnavailableError: it is not there.
    """
    path = shutil.which(name)
    if path is None:
        raise UnavailableError(f"{name!r} is not on the PATH (Debian: apt-get install {package})")
    return path


def jars(name: str, artifacts: Iterable[str], *, alone: bool = False) -> Path:
    """A folder of jars; filled through Maven when it is not there yet.

    Args:
        name: of the folder in the cache: it says what is in it, with the version.
        artifacts: ``group:artifact:version`` each.
        alone: without what they depend on.

    Raises:
        UnavailableError: no Maven, or it failed.
    """
    folder = CACHE / name
    if folder.is_dir():
        return folder
    maven = program("mvn", "maven")
    CACHE.mkdir(exist_ok=True)
    # Filled beside its place and renamed, so that an interrupted or a second download leaves no half a folder.
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        pom = Path(scratch, "pom.xml")
        pom.write_text(_pom(artifacts))
        filled = Path(scratch, "jars")
        which = ["-DexcludeTransitive=true"] if alone else ["-DincludeScope=runtime"]
        goal = [f"{DEPENDENCY_PLUGIN}:copy-dependencies", *which]
        command = [maven, "-B", "-q", "-f", str(pom), *goal, f"-DoutputDirectory={filled}"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise UnavailableError(f"Maven could not get {', '.join(artifacts)}:\n{run.stdout}{run.stderr}")
        try:
            filled.rename(folder)
        except OSError:
            if not folder.is_dir():  # else somebody else was faster
                raise
    return folder


def _pom(artifacts: Iterable[str]) -> str:
    wanted = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")
        )
        for artifact in artifacts
    )
    own = "<groupId>citypulse</groupId><artifactId>tests</artifactId><version>1</version><packaging>pom</packaging>"
    return f"<project><modelVersion>4.0.0</modelVersion>{own}<dependencies>{wanted}</dependencies></project>"
