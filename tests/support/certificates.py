"""Certificates of a test's own, as files."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.certificates import Authority


@dataclass(frozen=True, slots=True)
class Signed:
    """Files in PEM."""

    certificate: Path
    key: Path


class FiledAuthority:
    """Signs certificates. Its own is the file ``path``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._authority = Authority(name)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self._authority.certificate)

    def sign(self, common_name: str, *, hosts: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> Signed:
        """Make a key and its certificate for these names, readable by everybody but for the key."""
        certificate, key = self._authority.issue(common_name, hosts=hosts, addresses=addresses)
        signed = Signed(self._folder / f"{common_name}.crt", self._folder / f"{common_name}.key")
        signed.certificate.write_bytes(certificate)
        signed.key.touch(mode=0o600)
        signed.key.write_bytes(key)
        return signed


def authorities_that_end(path: Path, **days: int) -> Path:
    """Write certificates that sign themselves, by name the days after which each ends, into one file."""
    each_of_them = []
    for name, left in days.items():
        made = path.with_name(f"{name}.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", str(left),
             "-keyout", str(path.with_suffix(".key")), "-out", str(made)],
            check=True, capture_output=True,
        )  # fmt: skip
        each_of_them.append(made.read_bytes())
    path.write_bytes(b"".join(each_of_them))
    return path
