"""AMI over TLS: whose certificate is taken, and what is said of one that is not."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from ...config import AsteriskConfig, ConfigError


@dataclass(frozen=True, slots=True)
class Tls:
    """``name``: what the certificate must be made out to."""

    context: ssl.SSLContext
    name: str


def tls_of(config: AsteriskConfig) -> Tls | None:
    """None without TLS. Raises ConfigError if the authorities cannot be read."""
    if not config.tls:
        return None
    file = config.ca_file
    try:
        context = ssl.create_default_context(cafile=str(file) if file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"switches.{config.name}.ca_file: {file} cannot be read as certificates in PEM: "
            f"{error.strerror or error}"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return Tls(context, config.tls_name or config.host)


def refusal_of(error: ssl.SSLError, host: str, port: int) -> str:
    """In people's words, with the key of the configuration that decides."""
    if isinstance(error, ssl.SSLCertVerificationError):
        what = str(error.verify_message).rstrip(".")
        # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        if error.verify_code in (62, 64):
            mend = (
                "it is made out to another name: set switches.*.tls_name to that, or make another certificate"
            )
        else:
            mend = "switches.*.ca_file must hold the authority that signed tlscertfile of manager.conf"
        return f"the certificate of {host}:{port} is not trusted ({what}); {mend}"
    return (
        f"{host}:{port} does not speak TLS ({error.reason or error}): switches.*.port must be that of "
        "tlsbindaddr in manager.conf, with tlsenable=yes; or set tls = false"
    )
