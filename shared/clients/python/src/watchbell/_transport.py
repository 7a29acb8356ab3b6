"""Calls by JSON over HTTP, on connections that are kept, repeated where that is safe."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from .errors import WatchbellError


class Transport:
    """One server and one key."""

    def __init__(self, url: str, key: str, *, timeout: float, attempts: int, ca_file: str | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the URL must begin with http:// or https:// and name a host: {url}")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "connect-protocol-version": "1"}
        self._timeout, self._attempts = timeout, attempts
        self._idle: list[http.client.HTTPConnection] = []

    def call(self, method: str, request: Any, *, repeatable: bool) -> Any:
        """Makes the call; what failed for a while is repeated when the server asks for it, or when a second call changes nothing."""
        return retrying(lambda: self._once(method, request, repeatable), self._attempts, repeatable)

    def open(self, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Begins to read an address, on a connection of its own."""
        connection = self._connect()
        try:
            connection.request("GET", f"{self._path}{path}", headers=self._headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Closes the connections that no call uses."""
        while self._idle:
            self._idle.pop().close()

    def _once(self, method: str, request: Any, repeatable: bool) -> Any:
        body = json.dumps(request, allow_nan=False).encode()
        headers = self._headers | {"connect-timeout-ms": str(int(self._timeout * 1000))}
        # The server may be about to close a connection that was idle, and nobody could tell whether it has taken the call.
        connection = self._kept() if repeatable else self._connect()
        try:
            connection.request("POST", f"{self._path}/{method}", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise WatchbellError("unavailable", f"{self._host}: {error or type(error).__name__}") from error
        self._idle.append(connection)
        if answer.status != 200:
            raise WatchbellError.from_body(answer.status, text)
        return json.loads(text)

    def _kept(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)


def retrying(call: Callable[[], Any], attempts: int, repeatable: bool, sleep: Callable[[float], None] = time.sleep) -> Any:
    """Repeats `call` up to so many attempts in all, after the server's delay or one that doubles from 0.1 to 10 seconds."""
    for attempt in range(1, attempts + 1):
        try:
            return call()
        except WatchbellError as error:
            # A call over a limit was refused before it did anything.
            safe = repeatable or error.code == "resource_exhausted"
            if attempt == attempts or not (safe and error.is_transient):
                raise
            sleep(delay(attempt, error.retry_after))
    raise AssertionError("there is at least one attempt")


def delay(attempt: int, asked: float | None) -> float:
    """Seconds until the next attempt: never earlier than the server asks, and spread, so that callers do not come all at once."""
    longest = min(10.0, 0.1 * 2 ** (attempt - 1))
    return (asked or 0) + random.uniform(longest / 2, longest)
