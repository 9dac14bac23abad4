"""Who a call comes from, as far as that can be believed."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_ONE_LINE = 64
"""Bits of an IPv6 network that one customer of a provider gets at least (RFC 6177): all of it counts as one address."""


def read_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a list between commas. Raises ValueError for what is none."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> Network:
    """Return the address that a call counts for: one of IPv4, or a /64 of IPv6.

    ``peer`` is who opened the connection, ``forwarded`` the lines of ``X-Forwarded-For`` in their order. Each proxy
    adds at the end whom it talked to, so the list is read from there, as long as who said it is trusted; what stands
    before that anybody may have written. Who has no address, as over a Unix socket, counts as one.
    """
    found = _read(peer or "") or ip_network("0.0.0.0/32")
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and any(_within(found, network) for network in trusted):
        hop = _read(hops.pop())
        if hop is None:
            break
        found = hop
    if isinstance(found, IPv6Network):
        return found.supernet(new_prefix=_ONE_LINE)
    return found


def _within(address: Network, network: Network) -> bool:
    if isinstance(address, IPv4Network):
        return isinstance(network, IPv4Network) and address.subnet_of(network)
    return isinstance(network, IPv6Network) and address.subnet_of(network)


@lru_cache(maxsize=1_024)
def _read(text: str) -> Network | None:
    if text.startswith("["):  # with a port, as some balancers write it
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return IPv6Network((int(address), 128))
        address = mapped
    return IPv4Network(address)
