"""A team's events as server-sent events, over reconnections too."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ._transport import Transport, delay
from .contracts import AcceptedEvent
from .errors import WatchbellError

_CODES = {400: "invalid_argument", 401: "unauthenticated", 403: "permission_denied", 404: "not_found", 410: "out_of_range"}


@dataclass(frozen=True)
class StreamedEvent:
    """An event, and the cursor after it: keep it once the event is handled, and go on from there."""

    cursor: str
    accepted: AcceptedEvent


def events(transport: Transport, query: Mapping[str, str], cursor: str) -> Iterator[StreamedEvent]:
    """The events after `cursor`; connects again, after a pause, when the server is away."""
    failures = 0
    while True:
        try:
            asked = {**query, "after": cursor} if cursor else query
            connection, answer = transport.open(f"/events/stream?{urllib.parse.urlencode(asked)}")
            with contextlib.closing(connection):
                if answer.status != 200:
                    raise _refusal(answer)
                for event_id, data in _messages(answer):
                    cursor, failures = event_id, 0
                    if data:
                        yield StreamedEvent(cursor, json.loads(data))
        except (OSError, http.client.HTTPException):
            pass
        except WatchbellError as error:
            if not error.is_transient:
                raise
        failures += 1
        time.sleep(delay(failures, None))


def _messages(lines: http.client.HTTPResponse) -> Iterator[tuple[str, str]]:
    """The id and the data of each message that has an id."""
    event_id, data = "", ""
    for raw in lines:
        name, _, value = raw.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            event_id = value
        elif name == "data":
            data += value
        elif not name and not value:
            if event_id:
                yield event_id, data
            event_id, data = "", ""


def _refusal(answer: http.client.HTTPResponse) -> WatchbellError:
    try:
        error = json.loads(answer.read())["error"]
        message, reason = error["message"], error["reason"]
    except (ValueError, KeyError, TypeError):
        message, reason = f"HTTP {answer.status}", ""
    return WatchbellError(_CODES.get(answer.status, "unavailable"), message, reason)
