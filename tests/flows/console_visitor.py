"""Somebody at the console without scripts: follows links and sends forms as a browser would."""

import html
import re

from httpx2 import Response
from starlette.testclient import TestClient

from tests.product import Product
from zhiku.access.sessions import change_password

PASSWORD = "correct horse battery"


class Visitor:
    """A signed-in browser; `send` fills in the token that the form on the page last seen carries."""

    def __init__(self, product: Product) -> None:
        change_password(product.rt, PASSWORD)
        self.client = TestClient(product.api.app, follow_redirects=True, headers={"Accept-Language": "en"})
        self.text = ""

    def sign_in(self, password: str = PASSWORD) -> Response:
        """Return the page after signing in."""
        return self.seen(self.client.post("/console/sign-in", data={"password": password}))

    def open(self, path: str, **query: str) -> str:
        """Return the readable text of a page."""
        response = self.seen(self.client.get(path, params=query or None))
        assert response.status_code == 200, (path, response.status_code)
        return self.text

    def send(self, path: str, **fields: str | list[str]) -> Response:
        """Return the page after sending a form."""
        referer = {"Referer": f"{self.client.base_url}{path.rsplit('/', 1)[0]}"}
        return self.seen(self.client.post(path, data={"csrf": self.token(), **fields}, headers=referer))

    def token(self) -> str:
        """Return the token of the session, as a page carries it."""
        page = self.client.get("/console/datasets/new").text
        return html.unescape(re.findall(r'name="csrf" value="([^"]+)"', page)[0])

    def seen(self, response: Response) -> Response:
        """Return the response, its readable text kept as `text`."""
        self.text = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.text)))
        return response
