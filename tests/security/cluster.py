"""Apache Kafka with TLS, SASL and access control, as docs/security.md has it; and how each of its users connects.

One broker with two secured listeners: ``SASL`` (SCRAM-SHA-512 and OAUTHBEARER over TLS) and ``MTLS`` (certificates of
clients). Its plain listener is for the broker itself and for tests that grant rights; its user ANONYMOUS is a super
user. Tokens are unsecured JSON Web Tokens, which Kafka takes in tests: whoever they name, one is.
"""

import asyncio
import base64
import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from tests.apache_kafka import ApacheKafka
from tests.conftest import ROOT

DOCUMENT: Final = (ROOT / "docs" / "security.md").read_text()
TOOLS: Final = {"kafka-acls.sh": "AclCommand", "kafka-configs.sh": "ConfigCommand"}
PASSWORD: Final = "canary-5f1e7c-password"
"""Of every user: it must never be seen anywhere."""

WORKER, OPERATOR, AUDITOR, PUBLISHER = USERS = ("citypulse-worker", "citypulse-operator", "citypulse-auditor", "bidex")
"""The users of the document."""

THRESHOLDS: Final[dict[str, Any]] = {"thresholds_file": str(ROOT / "deploy" / "thresholds.yaml")}

_OAUTH = "org.apache.kafka.common.security.oauthbearer"
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10}
_KINDS = {"topic": 2, "group": 3}


class Grant(NamedTuple):
    """One access control entry."""

    principal: str
    operation: str
    kind: str
    name: str


def documented_commands() -> list[list[str]]:
    """Every command of the document that runs one of Kafka's tools."""
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.split(maxsplit=1)[0] in TOOLS]


def documented_grants() -> list[Grant]:
    """What those commands grant, entry by entry."""
    return [grant for command in documented_commands() if "--allow-principal" in command for grant in grants(command)]


def grants(command: list[str]) -> Iterator[Grant]:
    """What one command grants, entry by entry."""
    pairs = list(pairwise(command))
    (principal,) = (value for option, value in pairs if option == "--allow-principal")
    for option, operation in pairs:
        if option == "--operation":
            for kind, name in pairs:
                if kind in ("--topic", "--group"):
                    yield Grant(principal.removeprefix("User:"), operation, kind.removeprefix("--"), name)


class SecuredKafka(ApacheKafka):
    """The broker, with the documented rights granted once it runs.

    Args:
        directory: for its data, certificates and secrets.
    """

    def __init__(self, directory: Path) -> None:
        self.folder = directory
        directory.mkdir(parents=True, exist_ok=True)
        make_certificates(directory)
        scram = (
            f'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="{PASSWORD}";'
        )
        (directory / "admin.properties").write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n"
            f"sasl.jaas.config={scram}\nssl.truststore.type=PEM\nssl.truststore.location={directory}/ca.pem\n"
        )
        super().__init__(
            directory,
            listeners={"SASL": "SASL_SSL", "MTLS": "SSL"},
            settings={
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS;User:admin",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(directory / "server.pem"),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(directory / "ca.pem"),
                "ssl.principal.mapping.rules": "RULE:^CN=([a-z-]+).*$/$1/",
                "listener.name.mtls.ssl.client.auth": "required",
                "listener.name.sasl.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
                "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
                "listener.name.sasl.oauthbearer.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required "
                'unsecuredLoginStringClaim_sub="broker";',
                "listener.name.sasl.oauthbearer.sasl.login.callback.handler.class": f"{_OAUTH}.internals.unsecured."
                "OAuthBearerUnsecuredLoginCallbackHandler",
                "listener.name.sasl.oauthbearer.sasl.server.callback.handler.class": f"{_OAUTH}.internals.unsecured."
                "OAuthBearerUnsecuredValidatorCallbackHandler",
            },
            formatting=("--add-scram", f"SCRAM-SHA-512=[name=admin,password={PASSWORD}]"),
        )

    def run_documented(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Runs a documented command with this cluster's address, its administrator, and the password of all."""
        own = {
            "kafka-1:9093": self.at("SASL"),
            "admin.properties": str(self.folder / "admin.properties"),
            "SCRAM-SHA-512=[password=$PASSWORD]": f"SCRAM-SHA-512=[password={PASSWORD}]",
        }
        arguments = [own.get(argument, argument) for argument in command[1:]]
        return self.run_tool(f"org.apache.kafka.tools.{TOOLS[command[0]]}", *arguments)

    # -- how users connect, as settings

    def by_password(self, user: str, password: str = PASSWORD) -> dict[str, str]:
        """As a user with a password, which is in a file."""
        path = self._secret(f"{user}.password", password)
        return self._sasl("SCRAM-SHA-512") | {"sasl_username": user, "sasl_password_file": path}

    def by_token(self, user: str, lifetime_s: int = 3600) -> dict[str, str]:
        """As the user of a token, which is in a file."""
        return self._sasl("OAUTHBEARER") | {
            "sasl_oauth_token_file": self._secret(f"{user}.token", token(user, lifetime_s))
        }

    def by_certificate(self, user: str) -> dict[str, str]:
        """As the user of a certificate."""
        certificate(self.folder, user)
        return {
            "broker": self.at("MTLS"),
            "security_protocol": "SSL",
            "ssl_cafile": str(self.folder / "ca.pem"),
            "ssl_certfile": str(self.folder / f"{user}.crt"),
            "ssl_keyfile": str(self.folder / f"{user}.key"),
        }

    def _sasl(self, mechanism: str) -> dict[str, str]:
        return {
            "broker": self.at("SASL"),
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.folder / "ca.pem"),
            "sasl_mechanism": mechanism,
        }

    def _secret(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text + "\n")
        return str(path)

    async def grant(self, grants: list[Grant]) -> None:
        """Grants rights as the super user of the plain listener; returns when the broker goes by them."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            for principal, operation, kind, name in grants:
                literal, allow = 3, 3
                entry = (_KINDS[kind], name, literal, f"User:{principal}", "*", _OPERATIONS[operation], allow)
                answer = await admin._send_to_controller(CreateAclsRequest(*entry))
                assert [code for code, _ in answer.creation_responses] == [0]
                async with asyncio.timeout(60):
                    while not (await admin._send_request(DescribeAclsRequest(*entry))).resources:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
        finally:
            await admin.close()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as environment variables."""
    return {f"CITYPULSE_{name.upper()}": value for name, value in settings.items()}


def token(user: str, lifetime_s: int = 3600) -> str:
    """An unsecured JSON Web Token: signed by nobody."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": user, "iat": now - 60, "exp": now + lifetime_s})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def openssl(*arguments: str) -> None:
    """Runs openssl, and shows what it says when it fails."""
    run = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def make_certificates(folder: Path) -> None:
    """An authority (ca.pem), another one that nobody trusts (other-ca.pem), and the broker's key and certificate."""
    for name in ("ca", "other-ca"):
        made = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        openssl("req", *made, "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")
    certificate(folder, "server", "subjectAltName=IP:127.0.0.1")
    (folder / "server.pem").write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text())


def certificate(folder: Path, name: str, extension: str = "extendedKeyUsage=clientAuth") -> None:
    """A key and a certificate signed by the authority."""
    extensions = folder / f"{name}.ext"
    extensions.write_text(extension)
    key, request, signed = (str(folder / f"{name}.{end}") for end in ("key", "csr", "crt"))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", *curve, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    authority = ("-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "2")
    openssl("x509", "-req", "-in", request, *authority, "-extfile", str(extensions), "-out", signed)
