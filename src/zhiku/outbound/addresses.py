"""Where requests to others may go: to what the whole internet reaches, and to what the operator lists."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address

# IPv6 that carries an IPv4 address to a translator.
_NAT64 = IPv6Network("64:ff9b::/96")

# A name server may take longer than a caller waits, and cannot be called off.
_resolvers = ThreadPoolExecutor(8, thread_name_prefix="zhiku-resolve")


class AddressRefused(Exception):
    """The host's address is one that requests may not go to; the message says what the operator can do."""


class HostUnknown(Exception):
    """No address was found for a host's name in time."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What the operator lists beyond the public internet: names, addresses and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


def read_allowed_hosts(setting: str | None) -> AllowedHosts:
    """Return what `ZHIKU_OUTBOUND_HOSTS` lists; an entry that is neither address nor network is a name."""
    names: set[str] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in (part.strip().lower() for part in (setting or "").split(",")):
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            names.add(entry)
    return AllowedHosts(frozenset(names - {""}), tuple(networks))


def find_addresses(host: str, port: int, allowed: AllowedHosts, seconds: float) -> list[Address]:
    """Return the addresses of a host, all of which requests may go to.

    To be connected to as they are: a name looked up again may have become another address. Raises AddressRefused if
    one of them is private, loopback, link-local or otherwise no public host, and not listed; HostUnknown.
    """
    asked = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = asked.result(timeout=max(seconds, 0.01))
    except (TimeoutError, OSError, UnicodeError) as error:
        raise HostUnknown(f"no address was found for {host}") from error
    # A link-local address comes with the name of its interface.
    addresses = list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    if host.lower().rstrip(".") not in allowed.names:
        for address in addresses:
            if not _may_be_reached(address, allowed):
                raise AddressRefused(
                    f"{host} is on a private network ({address}). The operator can allow it: ZHIKU_OUTBOUND_HOSTS"
                )
    return addresses


def _may_be_reached(address: Address, allowed: AllowedHosts) -> bool:
    plain = _carried(address) or address
    if any(plain.version == network.version and plain in network for network in allowed.networks):
        return True
    return address.is_global and not address.is_multicast and plain.is_global and not plain.is_multicast


def _carried(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
