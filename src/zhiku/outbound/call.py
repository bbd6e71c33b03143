"""One HTTP request to somebody else's server, bounded in time and size, to an address that was looked at first."""

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from threading import Event, Timer
from urllib.parse import urlsplit

import certifi

from zhiku.outbound.addresses import AllowedHosts, HostUnknown, find_addresses

_PORTS = {"http": 80, "https": 443}
# What one of several addresses may take before the next is tried.
_CONNECT_SECONDS = 3.0


class CallFailed(Exception):
    """No answer came; the message says why and completes "the server ..."."""


class UrlRefused(Exception):
    """A URL that no request can be sent to; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a call may take in all, and how long its answer may be."""

    seconds: float = 10
    answer_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; a redirect is an answer like others and is not followed."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    is_tls: bool
    host: str
    port: int
    path: str


def read_target(url: str) -> Target:
    """Return where a URL leads. Raises UrlRefused unless it is plain http or https without query or password."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefused("holds characters that a URL cannot have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused("is no URL") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UrlRefused("must start with http:// or https:// and name a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UrlRefused("must not hold a user, a query or a fragment")
    return Target(parts.scheme == "https", parts.hostname, port or _PORTS[parts.scheme], parts.path or "/")


def post(
    url: str, body: bytes, headers: Mapping[str, str], allowed: AllowedHosts, limits: CallLimits | None = None
) -> Answer:
    """Return the answer to `body`, whatever its status. Blocks for `limits.seconds` at most.

    Raises UrlRefused, AddressRefused, and CallFailed if no answer came, or none within the limits.
    """
    limits = limits or CallLimits()
    target = read_target(url)
    is_late = Event()
    try:
        return _call(target, body, headers, allowed, limits, is_late)
    except HostUnknown as error:
        raise CallFailed(f"could not be reached: {error}") from error
    except (OSError, HTTPException) as error:
        if is_late.is_set() or isinstance(error, TimeoutError):
            raise CallFailed(f"did not answer within {limits.seconds:g} seconds") from error
        raise CallFailed(f"could not be reached or broke off ({_cause(error)})") from error


def _call(
    target: Target, body: bytes, headers: Mapping[str, str], allowed: AllowedHosts, limits: CallLimits, is_late: Event
) -> Answer:
    deadline = time.monotonic() + limits.seconds
    connected = _connect(target, allowed, deadline)
    # A time limit of sockets starts anew with every byte; a server that drips must not hold us.
    watchdog = Timer(max(deadline - time.monotonic(), 0.01), _cut, (connected, is_late))
    watchdog.daemon = True
    watchdog.start()
    try:
        if isinstance(connected, ssl.SSLSocket):
            connected.do_handshake()
        answer = _exchange(target, connected, body, headers, limits)
    finally:
        watchdog.cancel()
        connected.close()
    # Where no length was announced, being cut off looks like the end.
    if is_late.is_set():
        raise TimeoutError
    return answer


def _connect(target: Target, allowed: AllowedHosts, deadline: float) -> socket.socket:
    """Return a socket to the first of the host's addresses that can be reached; TLS is still to be shaken hands on."""
    addresses = find_addresses(target.host, target.port, allowed, deadline - time.monotonic())
    failure: OSError | None = None
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            seconds = left if len(addresses) == 1 else min(left, _CONNECT_SECONDS)
            plain = socket.create_connection((str(address), target.port), timeout=seconds)
        except OSError as error:
            failure = error
            continue
        plain.settimeout(left)
        if not target.is_tls:
            return plain
        return _trusted().wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False)
    raise failure or TimeoutError


def _exchange(
    target: Target, connected: socket.socket, body: bytes, headers: Mapping[str, str], limits: CallLimits
) -> Answer:
    default_port = _PORTS["https" if target.is_tls else "http"]
    host = f"[{target.host}]" if ":" in target.host else target.host
    connection = HTTPConnection(target.host, target.port)
    connection.sock = connected
    named = host if target.port == default_port else f"{host}:{target.port}"
    connection.request("POST", target.path, body, {"Host": named, "Connection": "close", **headers})
    with connection.getresponse() as response:
        content = response.read(limits.answer_bytes + 1)
        if len(content) > limits.answer_bytes:
            raise CallFailed(f"sent more than {limits.answer_bytes >> 20} MB")
        return Answer(response.status, content)


def _cut(connected: socket.socket, is_late: Event) -> None:
    is_late.set()
    # Not the method of a TLS socket, which would take that one's state away from under the reader.
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


@cache
def _trusted() -> ssl.SSLContext:
    """Return what certificates are checked against: the machine's authorities, and those that come with Python's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
