"""``make audit``: what the package index knows against the packages that run.

The index tells with each project the advisories against its newest version, and of every version whether it was taken
back (yanked). What pip-audit asks, a page for each version, is not served everywhere: it then says that it knows no
vulnerability, and so would a check that asks nobody. So this asks for a project first that is known to be vulnerable.
"""

import json
import os
import re
import ssl
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pip._internal.models.index import PyPI

LOCK: Final = Path(__file__).resolve().parent.parent / "requirements.lock"

ACCEPTED: Final[Mapping[str, str]] = {}
"""Advisory -> why it does not hurt us, or why there is no better version yet."""

KNOWN: Final = "pycrypto"
"""Nobody maintains it, and nobody will mend it: an index that tells of no advisory against it tells of none."""

TOLD_AT_LEAST: Final = 0.5
"""Of the packages: with fewer at their newest version the audit says too little."""

AT_ONCE: Final = 4
TIMEOUT_S: Final = 60

Project = Mapping[str, Any]
Ask = Callable[[str], Project]
"""A project's name -> what the index says of it."""


class AuditError(Exception):
    """The audit cannot be made."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it.

    Attributes:
        findings: a line for each advisory and each version that was taken back.
        untold: packages with a newer version: the advisories against ours are not told.
        accepted: advisories that are known and accepted.
    """

    findings: list[str]
    untold: list[str]
    accepted: set[str]


def locked(lock: str) -> list[tuple[str, str]]:
    """Package and version of every line of a lock file: of some there are two, by Python."""
    return re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE)


def audit(packages: Sequence[tuple[str, str]], ask: Ask, accepted: Mapping[str, str] = ACCEPTED) -> Audit:
    """Asks for every package.

    Raises:
        AuditError: the index does not answer, or answers nothing that an audit could rest on.
    """
    if not ask(KNOWN).get("vulnerabilities"):
        raise AuditError(f"the package index tells of no advisory against {KNOWN}: it tells of none")
    names = sorted({name for name, _ in packages})
    with ThreadPoolExecutor(AT_ONCE) as threads:
        projects = dict(zip(names, threads.map(ask, names), strict=True))
    newest = {name: project["info"]["version"] for name, project in projects.items()}
    behind = [(name, version) for name, version in packages if version != newest[name]]
    if len(behind) > len(packages) * (1 - TOLD_AT_LEAST):
        raise AuditError(f"{len(behind)} of {len(packages)} packages are behind their newest version: run make lock")
    told = [(name, each) for name, project in projects.items() for each in project["vulnerabilities"]]
    met = {name for _, each in told for name in _names(each) & accepted.keys()}
    findings = [
        f"{name} {newest[name]}: {each['id']}, mended in {', '.join(each['fixed_in']) or 'no version'}: {_line(each)}"
        for name, each in told
        if not each["withdrawn"] and not _names(each) & accepted.keys()
    ]
    findings += [
        f"{name} {version} was taken back: {files[0]['yanked_reason'] or 'no reason given'}"
        for name, version in packages
        if (files := projects[name]["releases"].get(version)) and files[0]["yanked"]
    ]
    untold = [f"{name} {version} (newest: {newest[name]})" for name, version in behind]
    return Audit(findings, untold, met)


def _names(advisory: Mapping[str, Any]) -> set[str]:
    return {advisory["id"], *advisory["aliases"]}


def _line(advisory: Mapping[str, Any]) -> str:
    text = str(advisory.get("summary") or advisory.get("details") or "")
    return " ".join(text.split())[:120]


def ask_index(project: str) -> Project:
    """What the index that pip uses says of a project.

    Raises:
        AuditError: it does not answer.
    """
    index = os.environ.get("PIP_INDEX_URL", PyPI.simple_url).rstrip("/").removesuffix("/simple")
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
    try:
        with urllib.request.urlopen(f"{index}/pypi/{project}/json", timeout=TIMEOUT_S, context=context) as answer:
            said: Project = json.load(answer)
            return said
    except (OSError, ValueError) as error:  # urllib.error.URLError is an OSError
        raise AuditError(f"the package index does not tell of {project}: {error}") from error


def main(ask: Ask = ask_index) -> int:
    """Audits the lock file; 1: something is known, 2: nothing can be known."""
    packages = locked(LOCK.read_text())
    try:
        found = audit(packages, ask)
    except AuditError as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    told = len(packages) - len(found.untold)
    print(f"{told} of {len(packages)} packages of {LOCK.name} audited: {len(found.findings)} findings")
    print("\n".join(f"  {finding}" for finding in found.findings), end="\n" if found.findings else "")
    if found.untold:
        print("not told, as these are behind their newest version:\n  " + "\n  ".join(found.untold))
    for advisory, why in ACCEPTED.items():
        print(f"accepted: {advisory}, {why}{'' if advisory in found.accepted else '; not told any more: take it out'}")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
