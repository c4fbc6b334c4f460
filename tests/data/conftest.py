"""A web server on this machine, which does to a download whatever a test asks for."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.children import Children, new_children

Ranges = tuple[str | None, str | None]  # the request's Range and If-Range


@dataclass
class Web:
    """What the server has and does; change it between requests.

    Attributes:
        content: of every address.
        etag: its ETag, or None for none.
        modified: its Last-Modified, in seconds since 1970, or None for none.
        ranges: whether it knows Range.
        heeds_if_range: whether it looks at If-Range before it goes on.
        cuts: for one request after the other, how many bytes of its body are sent before the
            connection ends.
        length: what to say instead of the true length; None to say none.
        endless: send zeros for ever instead.
        stall: what to wait for before a connection that is cut ends.
        redirect: where to send everybody, if anywhere.
        headers: more of them, or others in the place of the right ones.
        asked: what requests said, in their order.
    """

    port: int = 0
    content: bytes = b""
    etag: str | None = '"1"'
    modified: float | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    cuts: list[int] = field(default_factory=list)
    length: int | str | None = -1
    endless: bool = False
    stall: threading.Event | None = None
    redirect: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Ranges] = field(default_factory=list)
    sent: int = 0

    def url(self, name: str = "toys.tgz") -> str:
        return f"https://127.0.0.1:{self.port}/{name}"

    def start_of(self, span: str | None, condition: str | None) -> int | None:
        """Return from where on to send, or None to send all."""
        if not self.ranges or span is None:
            return None
        mark = self.etag or (formatdate(self.modified, usegmt=True) if self.modified else None)
        if self.heeds_if_range and condition != mark:
            return None
        return int(span.removeprefix("bytes=").removesuffix("-"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        span, condition = self.headers["Range"], self.headers["If-Range"]
        web.asked.append((span, condition))
        start = web.start_of(span, condition)
        body = web.content[start or 0 :]
        facts: dict[str, str] = {}
        if web.redirect is not None:
            status, body, facts = 302, b"", {"Location": web.redirect}
        elif start is not None and start >= len(web.content):
            status, body = 416, b""
        elif start is not None:
            status, last = 206, len(web.content) - 1
            facts = {"Content-Range": f"bytes {start}-{last}/{len(web.content)}"}
        else:
            status = web.status
        if web.etag:
            facts["ETag"] = web.etag
        if web.modified:
            facts["Last-Modified"] = formatdate(web.modified, usegmt=True)
        if web.length is not None:
            facts["Content-Length"] = str(len(body) if web.length == -1 else web.length)
        self.send_response(status)
        for name, value in (facts | web.headers).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(ConnectionError):  # whoever had enough hangs up
            if web.cuts:
                self.send(web, body[: web.cuts.pop(0)])
                self.wfile.flush()
                if web.stall is not None:
                    web.stall.wait(60)
            else:
                self.send(web, body)
        self.close_connection = True

    def send(self, web: Web, body: bytes) -> None:
        while web.endless:
            self.wfile.write(bytes(1 << 16))
            web.sent += 1 << 16
        self.wfile.write(body)
        web.sent += len(body)


class PlainConnection(http.client.HTTPConnection):
    """What https:// means here: all but the encryption."""

    def __init__(self, host: str, **options: Any) -> None:
        options.pop("context", None), options.pop("check_hostname", None)
        super().__init__(host, **options)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server at https://127.0.0.1 for the library, though nothing is encrypted."""
    monkeypatch.setattr(http.client, "HTTPSConnection", PlainConnection)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.web = web = Web(port=server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield web
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def children() -> Children:
    """A function that lists the processes that this test has started and that live."""
    return new_children()
