"""AMI over TLS on a real Asterisk: the right authority is taken, others are refused by the key."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from controller.config import AsteriskConfig, ConfigError
from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.lab import free_port
from controller.switches.asterisk.connection import AmiConnection, ConnectionLost
from controller.switches.asterisk.opening import open_ami
from controller.switches.asterisk.tls import tls_of
from controller.switches.exposure import exposed

from .test_real import config

pytestmark = pytest.mark.timeout(60)
REAL = pytest.mark.asyncio(loop_scope="module")
NOW = datetime.now(UTC)


class Authority:
    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.file = folder, folder / f"{name}.pem"
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, 0), critical=True)
        self._write(self.file, made.sign(self.key, hashes.SHA256()))

    def _builder(self, subject: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=1))
        )

    @staticmethod
    def _write(file: Path, certificate: x509.Certificate) -> None:
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str, alias: str) -> tuple[Path, Path]:
        """A certificate and its key, made out to an address and a name."""
        key, file = rsa.generate_private_key(65537, 2048), self.folder / "switch.pem"
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)), x509.DNSName(alias)])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, alias)])
        made = self._builder(subject, key).add_extension(names, critical=False)
        self._write(file, made.sign(self.key, hashes.SHA256()))
        secret = file.with_suffix(".key")
        plain = serialization.NoEncryption()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain
        )
        secret.write_bytes(pem)
        return file, secret


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(asterisk_lab: AsteriskLab) -> dict[str, object]:
    """The settings of this lab with TLS switched on."""
    authority = Authority(asterisk_lab.folder, "authority")
    Authority(asterisk_lab.folder, "stranger")
    file, key = authority.issue(asterisk_lab.control_host, "pbx.test")
    port = free_port(asterisk_lab.control_host, socket.SOCK_STREAM)
    manager = asterisk_lab.folder / "etc/manager.conf"
    manager.write_text(
        manager.read_text() + "\n[general](+)\ntlsenable=yes\n"
        f"tlsbindaddr={asterisk_lab.control_host}:{port}\ntlscertfile={file}\ntlsprivatekey={key}\n"
    )
    await asterisk_lab.cli("manager reload")
    return {"tls": True, "port": port, "ca_file": authority.file}


async def refusal(lab: AsteriskLab, settings: dict[str, object]) -> str:
    with pytest.raises(ConnectionLost) as caught:
        await open_ami(config(lab, **settings), lambda events: None)
    return str(caught.value)


@pytest.mark.asterisk
@REAL
async def test_it_is_spoken_and_every_action_goes_through(
    asterisk_lab: AsteriskLab, secured: dict[str, object]
) -> None:
    for names in ({}, {"tls_name": "pbx.test"}):
        ami = AmiConnection.of(config(asterisk_lab, **secured, **names), lambda events: None)
        await ami.open()
        try:
            assert (await ami.action("CoreSettings", 5))["Response"] == "Success"
            assert ami._transport is not None
            assert ami._transport.get_extra_info("cipher")
        finally:
            await ami.close()


@pytest.mark.asterisk
@REAL
async def test_another_authority_is_refused_by_the_key(
    asterisk_lab: AsteriskLab, secured: dict[str, object]
) -> None:
    stranger = secured | {"ca_file": asterisk_lab.folder / "stranger.pem"}
    assert "switches.lab.ca_file must hold" in await refusal(asterisk_lab, stranger)
    assert "switches.lab.ca_file must hold" in await refusal(asterisk_lab, secured | {"ca_file": None})


@pytest.mark.asterisk
@REAL
async def test_another_name_is_refused_by_the_key(
    asterisk_lab: AsteriskLab, secured: dict[str, object]
) -> None:
    assert "switches.lab.tls_name" in await refusal(asterisk_lab, secured | {"tls_name": "other.test"})


@pytest.mark.asterisk
@REAL
async def test_the_port_in_the_clear_is_told_apart(
    asterisk_lab: AsteriskLab, secured: dict[str, object]
) -> None:
    said = await refusal(asterisk_lab, secured | {"port": asterisk_lab.control_port})
    assert "does not speak TLS" in said
    assert "switches.lab.port" in said


def test_a_file_that_is_no_certificate_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "gone.pem"):
        asked = AsteriskConfig(
            kind="asterisk", name="pbx", password="x", spool=Path("/s"), tls=True, ca_file=tmp_path / name
        )
        with pytest.raises(ConfigError, match=r"switches\.pbx\.ca_file: .* cannot be read"):
            tls_of(asked)


@pytest.mark.parametrize(
    ("settings", "open_to_others"),
    [
        ({}, False), ({"host": "127.9.9.9"}, False), ({"host": "::1"}, False), ({"host": "localhost"}, False),
        ({"host": "192.0.2.1"}, True), ({"host": "pbx.example"}, True), ({"host": "10.0.0.1"}, True),
        ({"host": "10.0.0.1", "trusted_network": True}, False), ({"host": "192.0.2.1", "tls": True}, False),
    ],
)  # fmt: skip
def test_who_is_warned(settings: dict[str, object], open_to_others: bool) -> None:
    base = {"kind": "asterisk", "name": "pbx", "password": "x", "spool": "/s"}
    assert bool(exposed(AsteriskConfig.model_validate(base | settings))) is open_to_others
