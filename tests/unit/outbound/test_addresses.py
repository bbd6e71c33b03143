"""Where requests to others may go."""

import socket
import time
from typing import Any

import pytest

from zhiku.outbound import addresses
from zhiku.outbound.addresses import AddressRefused, AllowedHosts, HostUnknown, find_addresses, read_allowed_hosts

PUBLIC = "93.184.215.14"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
     "2002:a00:1::", "2001:db8::1"],
)  # fmt: skip
def test_what_is_not_on_the_public_internet_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolve_to(monkeypatch, address)
    with pytest.raises(AddressRefused, match="ZHIKU_OUTBOUND_HOSTS"):
        find_addresses("other.example", 443, AllowedHosts(), 1)


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_a_public_address_may_be_reached(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolve_to(monkeypatch, address)
    assert [str(each) for each in find_addresses("other.example", 443, AllowedHosts(), 1)] == [address]


def test_one_private_address_among_public_ones_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, PUBLIC, "10.0.0.1")
    with pytest.raises(AddressRefused):
        find_addresses("other.example", 443, AllowedHosts(), 1)


@pytest.mark.parametrize(
    ("setting", "is_allowed"),
    [
        ("other.example", True),
        (" OTHER.example ,x", True),
        ("10.0.0.1", True),
        ("x,10.0.0.0/8", True),
        ("example", False),
        ("another.example", False),
        ("10.0.0.2", False),
        ("fc00::/7", False),
        ("", False),
        (None, False),
    ],
)
def test_the_operator_lists_names_addresses_and_networks(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, is_allowed: bool
) -> None:
    resolve_to(monkeypatch, "10.0.0.1")
    allowed = read_allowed_hosts(setting)
    if is_allowed:
        assert find_addresses("Other.Example.", 80, allowed, 1)
    else:
        with pytest.raises(AddressRefused):
            find_addresses("Other.Example.", 80, allowed, 1)


def test_an_ipv4_address_in_ipv6_is_allowed_as_the_one_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "::ffff:10.0.0.1")
    assert find_addresses("other.example", 80, read_allowed_hosts("10.0.0.1"), 1)


def test_a_name_that_is_not_found_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        time.sleep(0.3)
        return []

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    with pytest.raises(HostUnknown):
        find_addresses("other.example", 80, AllowedHosts(), 0.05)


def test_a_name_that_does_not_exist_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    with pytest.raises(HostUnknown):
        find_addresses("other.example", 80, AllowedHosts(), 1)
