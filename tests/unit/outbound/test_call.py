"""One request to somebody else's server."""

import ssl
from collections.abc import Iterator

import pytest

from tests.external_source import ExternalSource
from zhiku.outbound import call
from zhiku.outbound.addresses import AllowedHosts, read_allowed_hosts
from zhiku.outbound.call import CallFailed, CallLimits, UrlRefused, post, read_target

LOOPBACK = read_allowed_hosts("127.0.0.0/8")


@pytest.fixture
def source() -> Iterator[ExternalSource]:
    with ExternalSource() as opened:
        yield opened


def send(source: ExternalSource, limits: CallLimits | None = None, scheme: str = "http") -> call.Answer:
    return post(f"{scheme}://127.0.0.1:{source.port}/x", b"{}", {}, LOOPBACK, limits)


def test_the_answer_comes_back_whatever_its_status(source: ExternalSource) -> None:
    source.say(b"teapot", 418)
    assert send(source) == call.Answer(418, b"teapot")
    assert source.asked[0].path == "/x"


@pytest.mark.parametrize("how", ["is_slow", "is_dripping"])
def test_the_time_limit_covers_the_whole_call(source: ExternalSource, how: str) -> None:
    setattr(source, how, True)
    with pytest.raises(CallFailed, match=r"did not answer within 0\.2 seconds"):
        send(source, CallLimits(seconds=0.2))


def test_an_answer_over_the_limit_is_refused(source: ExternalSource) -> None:
    source.say(b"x" * ((1 << 20) + 1))
    with pytest.raises(CallFailed, match="more than 1 MB"):
        send(source, CallLimits(answer_bytes=1 << 20))


def test_a_server_without_tls_fails_the_handshake(source: ExternalSource) -> None:
    with pytest.raises(CallFailed):
        send(source, CallLimits(seconds=2), scheme="https")


def test_certificates_are_checked_with_the_host_s_name() -> None:
    context = call._trusted()  # pyright: ignore[reportPrivateUsage]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 0


@pytest.mark.parametrize(
    "url",
    ["ftp://a", "a", "", "http://", "http:///x", "http://a:b", "http://a:99999", "http://u:p@a", "http://u@a", "http://a?b",
     "http://a#b", "http://a b", "http://a\nb", "http://a\\b", "http://ü", "http://[::1", "javascript:alert(1)"],
)  # fmt: skip
def test_a_url_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        read_target(url)
    with pytest.raises(UrlRefused):
        post(url, b"", {}, AllowedHosts())


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a", call.Target(False, "a", 80, "/")),
        ("HTTPS://A.example/b/", call.Target(True, "a.example", 443, "/b/")),
        ("http://[::1]:8080/x", call.Target(False, "::1", 8080, "/x")),
    ],
)
def test_a_url_says_where_it_leads(url: str, target: call.Target) -> None:
    assert read_target(url) == target
