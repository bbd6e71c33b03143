"""The console without scripts: signing in, datasets, documents, segments, questions; and what it withstands."""

import re

import pytest
from starlette.testclient import TestClient

from tests.fake_clock import FakeClock
from tests.flows.console_visitor import PASSWORD, Visitor
from tests.product import Product, open_product
from zhiku.access import sessions
from zhiku.access.session_store import find_password_hash

HOSTILE = "<script>alert(1)</script>\" onmouseover='x' {{7*7}}"
GUIDE = "Cats sleep in the sun.\n\nDogs run in the park.\n\nOwls hunt at night."


@pytest.fixture
def visitor(product: Product) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor(product)
    visitor.sign_in()
    return visitor


def document_path(product: Product, dataset_id: str) -> str:
    listed = product.api.get(f"/v1/datasets/{dataset_id}/documents").json()["data"]
    return f"/console/datasets/{dataset_id}/documents/{listed[0]['id']}"


def test_a_browser_at_the_root_comes_to_the_sign_in_page(product: Product) -> None:
    browser = TestClient(
        product.api.app, follow_redirects=True, headers={"Accept": "text/html", "Accept-Language": "zh"}
    )
    page = browser.get("/")
    assert page.url.path == "/console/sign-in"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="zh-CN"' in page.text
    assert page.text.count('name="password"') == 1


def test_the_right_password_opens_a_session_and_a_wrong_one_does_not(product: Product) -> None:
    visitor = Visitor(product)
    assert visitor.sign_in("wrong password").status_code == 403
    assert visitor.client.get("/console/datasets").url.path == "/console/sign-in"
    page = visitor.sign_in()
    assert page.url.path == "/console/datasets"
    assert "No dataset yet" in visitor.text


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(product: Product) -> None:
    visitor = Visitor(product)
    visitor.client.follow_redirects = False
    cookie = visitor.sign_in().headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/console" in cookie
    assert "Secure" not in cookie
    behind_tls = visitor.client.post(
        "/console/sign-in", data={"password": PASSWORD}, headers={"X-Forwarded-Proto": "https"}
    )
    assert "Secure" in behind_tls.headers["set-cookie"]


def test_a_sign_in_goes_on_to_the_page_that_was_asked_for_but_never_to_another_site(product: Product) -> None:
    visitor = Visitor(product)
    asked = visitor.client.get("/console/datasets/new")
    assert asked.url.path == "/console/sign-in"
    assert 'value="/console/datasets/new"' in asked.text
    for target in ("https://example.org/console/x", "//example.org/console/", "/v1/datasets", "/console/\\evil"):
        page = visitor.client.post("/console/sign-in", data={"password": PASSWORD, "next": target})
        assert page.url.path == "/console/datasets", target


def test_signing_out_ends_the_session_also_for_a_copied_cookie(visitor: Visitor) -> None:
    copied = dict(visitor.client.cookies)
    assert visitor.send("/console/sign-out").url.path == "/console/sign-in"
    visitor.client.cookies.update(copied)
    assert visitor.client.get("/console/datasets").url.path == "/console/sign-in"


def test_guessing_passwords_is_slowed_down_per_minute(product: Product) -> None:
    visitor = Visitor(product)
    replies = [visitor.sign_in(f"guess {number}").status_code for number in range(12)]
    assert replies[:10] == [403] * 10
    assert replies[10:] == [429] * 2
    assert visitor.sign_in().status_code == 429


def test_a_throttle_forgets_after_a_minute_and_when_the_password_was_right() -> None:
    clock = FakeClock()
    throttle = sessions.Throttle(clock, per_minute=1)
    assert throttle.admit("a")
    assert not throttle.admit("a")
    assert throttle.admit("b")
    throttle.forget("a")
    assert throttle.admit("a")
    clock.advance(61)
    assert throttle.admit("b")


def test_a_session_ends_after_a_week(product: Product, tmp_path, sqlite_database, clock: FakeClock) -> None:
    with open_product(tmp_path / "other", sqlite_database, clock) as other:
        visitor = Visitor(other)
        visitor.sign_in()
        clock.advance(sessions.SESSION_SECONDS - 1)
        assert visitor.client.get("/console/datasets").url.path == "/console/datasets"
        clock.advance(2)
        assert visitor.client.get("/console/datasets").url.path == "/console/sign-in"


def test_the_first_start_makes_a_password_once_and_keeps_only_its_hash(product: Product) -> None:
    made = sessions.ensure_password(product.rt)
    assert made is not None
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}", made)
    assert sessions.ensure_password(product.rt) is None
    with product.rt.db.read() as conn:
        kept = find_password_hash(conn)
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert sessions.open_session(product.rt, made) is not None


def test_the_password_of_the_setting_takes_the_place_of_the_old_one(tmp_path, sqlite_database) -> None:
    with open_product(tmp_path / "one", sqlite_database, console_password="first password") as one:
        assert sessions.open_session(one.rt, "first password") is not None
    with open_product(tmp_path / "two", sqlite_database, console_password="second password") as two:
        assert sessions.open_session(two.rt, "first password") is None
        assert sessions.open_session(two.rt, "second password") is not None


def test_a_changed_password_signs_everybody_out(product: Product, visitor: Visitor) -> None:
    sessions.change_password(product.rt, "another password")
    assert visitor.client.get("/console/datasets").url.path == "/console/sign-in"


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_that_is_too_short_or_too_long_is_refused(product: Product, password: str) -> None:
    with pytest.raises(sessions.InvalidParam, match="8 to 200 characters"):
        sessions.change_password(product.rt, password)


def test_a_form_without_the_sessions_token_changes_nothing(product: Product, visitor: Visitor) -> None:
    for token in ("", "guess", "ä"):
        page = visitor.client.post("/console/datasets/new", data={"name": "Stolen", "csrf": token})
        assert page.status_code == 403
    assert product.api.get("/v1/datasets").json()["total"] == 0


def test_no_page_may_be_framed_or_run_scripts_of_others(visitor: Visitor) -> None:
    headers = visitor.client.get("/console/datasets").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"


def test_files_of_the_console_are_kept_by_browsers_and_nothing_else_is_given(visitor: Visitor) -> None:
    page = visitor.client.get("/console/datasets").text
    for address in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page):
        reply = visitor.client.get(address)
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]
    for address in ("/console/static/htmx.LICENSE.txt", "/console/static/%2e%2e%2fpages.py", "/console/static/none.js"):
        assert visitor.client.get(address).status_code == 404


def test_a_page_that_does_not_exist_is_a_page(visitor: Visitor) -> None:
    reply = visitor.client.get("/console/nowhere")
    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/html")


def test_whole_pages_weigh_less_than_150_kilobytes(visitor: Visitor) -> None:
    import gzip

    page = visitor.client.get("/console/datasets").text
    parts = [page.encode()]
    parts += [visitor.client.get(each).content for each in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page)]
    assert sum(len(gzip.compress(part)) for part in parts) < 150_000


def test_a_dataset_is_made_filled_asked_and_corrected_without_scripts(product: Product, visitor: Visitor) -> None:
    page = visitor.send("/console/datasets/new", name="Animals", description="", indexing_technique="high_quality")
    dataset_id = page.url.path.split("/")[3]
    assert "“Animals” is ready" in visitor.text

    base = f"/console/datasets/{dataset_id}"
    uploaded = visitor.client.post(
        f"{base}/documents/upload",
        data={"csrf": visitor.token()},
        files={"file": ("animals.txt", GUIDE.encode())},
    )
    assert uploaded.url.path == f"{base}/documents"
    assert "Waiting" in visitor.open(f"{base}/documents")
    product.settle()
    assert "Available" in visitor.open(f"{base}/documents")

    assert "Owls hunt" in visitor.open(f"{base}/lab", query="owls", method="full_text_search")
    path = document_path(product, dataset_id)
    segment = product.api.get(path.replace("/console", "/v1") + "/segments").json()["data"][0]
    visitor.send(f"{path}/segments/{segment['id']}", action="save", content="Foxes dig at dawn.")
    assert "Foxes dig at dawn." in visitor.open(path)
    assert "Foxes dig" in visitor.open(f"{base}/lab", query="foxes", method="full_text_search")


def test_a_text_written_in_the_console_becomes_a_document(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset(indexing_technique="economy")
    visitor.send(f"/console/datasets/{dataset_id}/documents/new", name="Note", text="A note about herons.")
    product.settle()
    assert [record["segment"]["content"] for record in product.retrieve(dataset_id, "herons", "keyword_search")] == [
        "A note about herons."
    ]


def test_picked_documents_are_switched_and_deleted_together(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset(indexing_technique="economy")
    ids = [product.add_text(dataset_id, name, GUIDE)["document"]["id"] for name in ("one", "two")]
    product.settle()
    path = f"/console/datasets/{dataset_id}/documents/actions"
    visitor.send(path, action="disable", document=ids)
    assert "2 documents disabled" in visitor.text
    assert visitor.text.count("Disabled") >= 2
    visitor.send(path, action="delete", document=ids[:1])
    assert product.api.get(f"/v1/datasets/{dataset_id}/documents").json()["total"] == 1


def test_a_segment_is_added_disabled_and_deleted(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset(indexing_technique="economy")
    product.add_text(dataset_id, "one", "Cats sleep.")
    product.settle()
    path = document_path(product, dataset_id)
    visitor.send(f"{path}/segments", content="Herons stand still.")
    assert "the next question finds it" in visitor.text
    added = product.api.get(path.replace("/console", "/v1") + "/segments").json()["data"][1]
    visitor.send(f"{path}/segments/{added['id']}", action="disable")
    assert product.retrieve(dataset_id, "herons", "keyword_search") == []
    visitor.send(f"{path}/segments/{added['id']}", action="delete")
    assert "Herons" not in visitor.open(path)


def test_what_is_refused_is_said_on_the_page_it_came_from(product: Product, visitor: Visitor) -> None:
    product.create_dataset("Taken")
    assert visitor.send("/console/datasets/new", name="Taken", indexing_technique="economy").status_code == 409
    assert "already exists" in visitor.text
    dataset_id = product.create_dataset("Other")
    page = visitor.send(f"/console/datasets/{dataset_id}/documents/actions", action="explode")
    assert page.url.path == f"/console/datasets/{dataset_id}/documents"
    assert "Invalid action" in visitor.text


def test_a_hostile_name_or_content_is_text_on_every_page(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset("<b>bold</b>", description=HOSTILE, indexing_technique="economy")
    product.add_text(dataset_id, HOSTILE, HOSTILE)
    product.settle()
    path = document_path(product, dataset_id)
    base = f"/console/datasets/{dataset_id}"
    for page in ("/console/datasets", f"{base}/documents", path, f"{base}/lab?query=script"):
        raw = visitor.client.get(page).text
        assert "<script>alert" not in raw, page
        assert "<b>bold" not in raw, page
        assert "onmouseover='x'" not in raw, page
    assert "{{7*7}}" in visitor.open(path)


def test_trying_a_question_counts_no_hit(product: Product, visitor: Visitor) -> None:
    dataset_id = product.create_dataset(indexing_technique="economy")
    product.add_text(dataset_id, "one", GUIDE)
    product.settle()
    visitor.open(f"/console/datasets/{dataset_id}/lab", query="owls")
    assert product.api.get(f"/v1/datasets/{dataset_id}/documents").json()["data"][0]["hit_count"] == 0


def test_language_and_theme_are_kept_for_the_browser(visitor: Visitor) -> None:
    assert (
        "知识库" in visitor.client.get("/console/choose", params={"language": "zh", "next": "/console/datasets"}).text
    )
    page = visitor.client.get("/console/choose", params={"theme": "dark", "next": "/console/datasets"})
    assert 'data-theme="dark"' in page.text
    assert '<html lang="zh-CN"' in page.text
