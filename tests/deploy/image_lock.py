"""``make sbom`` lists these: the lines of requirements.lock that hold in the image, for its Python on Linux."""

from packaging.requirements import Requirement

from tests.deploy.dockerfile import instructions
from tests.deploy.tools import ROOT


def image_lock() -> list[str]:
    """Name and version of every package that the image installs."""
    arguments = dict(rest.split("=") for word, rest in instructions() if word == "ARG")
    full = arguments["PYTHON"].split("-")[0]
    image = {
        "python_version": full.rpartition(".")[0],
        "python_full_version": full,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
    }
    locked = map(Requirement, (ROOT / "requirements.lock").read_text().splitlines())
    return [f"{each.name}{each.specifier}" for each in locked if each.marker is None or each.marker.evaluate(image)]


if __name__ == "__main__":
    print("\n".join(image_lock()))
