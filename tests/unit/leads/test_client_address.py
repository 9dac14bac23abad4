"""Who a call counts for."""

import pytest

from services.leads.domain.client_address import client_address, read_networks

INSIDE = read_networks("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.7", [], "203.0.113.7/32"),
        # Nobody may say for himself who he is.
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7/32"),
        ("203.0.113.7", ["10.0.0.1"], "203.0.113.7/32"),
        # Behind our proxy: the last one that it wrote, whatever the caller had written before.
        ("10.0.0.5", ["203.0.113.7"], "203.0.113.7/32"),
        ("10.0.0.5", ["198.51.100.1, 203.0.113.7"], "203.0.113.7/32"),
        ("10.0.0.5", ["198.51.100.1", "203.0.113.7"], "203.0.113.7/32"),
        # Behind two.
        ("10.0.0.5", ["198.51.100.1, 203.0.113.7, 10.0.0.9"], "203.0.113.7/32"),
        ("10.0.0.5", ["10.0.0.8, 10.0.0.9"], "10.0.0.8/32"),
        ("10.0.0.5", [], "10.0.0.5/32"),
        # What is no address is not believed, nor what stands before it.
        ("10.0.0.5", ["198.51.100.1, unknown"], "10.0.0.5/32"),
        ("10.0.0.5", [""], "10.0.0.5/32"),
        ("10.0.0.5", ["203.0.113.7:4711"], "203.0.113.7/32"),
        ("10.0.0.5", ["[2001:db8:1:2::9]:4711"], "2001:db8:1:2::/64"),
        # A customer of a provider has a whole /64.
        ("2001:db8:1:2:aaaa::1", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", [], "2001:db8:1:3::/64"),
        ("fd00::1", ["2001:db8:1:2::9"], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", [], "203.0.113.7/32"),
        ("::ffff:10.0.0.5", ["203.0.113.7"], "203.0.113.7/32"),
        (None, ["203.0.113.7"], "0.0.0.0/32"),
    ],
)
def test_a_call_counts_for_the_last_address_that_can_be_believed(
    peer: str | None, forwarded: list[str], counted: str
) -> None:
    assert str(client_address(peer, forwarded, INSIDE)) == counted


def test_without_trusted_proxies_the_connection_decides() -> None:
    assert str(client_address("10.0.0.5", ["203.0.113.7"], ())) == "10.0.0.5/32"
