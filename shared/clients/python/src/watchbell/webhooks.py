"""Verification of webhook requests, by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict


class InvalidSignature(Exception):
    """The request is not from Watchbell, or too old. Answer 401."""


class WebhookEvent(TypedDict):
    """The event of a webhook request."""

    id: str
    """The idempotency key: the same in every attempt."""
    type: str
    severity: str
    category: str
    source: str
    occurred_at: str
    title: str
    url: str
    subject: str


class WebhookAlert(TypedDict):
    """The alert that an event belongs to, as it was when the event was accepted."""

    key: str
    """The same in all events of the alert."""
    state: str
    opened_event_id: NotRequired[str]
    open_time: NotRequired[str]
    count: int


class WebhookBody(TypedDict):
    """Body of a webhook request with the standard envelope."""

    type: str
    timestamp: str
    event: WebhookEvent
    data: dict[str, Any]
    test: bool
    alert: NotRequired[WebhookAlert]
    """Left out when the event belongs to no alert."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, tolerance: float = 300) -> WebhookBody:
    """The body of a request that was signed with the channel's secret at most `tolerance` seconds ago.

    Raises `InvalidSignature`. Give the bytes as they came: a body that was parsed and printed again has other signatures.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message, timestamp = lower["webhook-id"], lower["webhook-timestamp"]
        signatures = lower["webhook-signature"].split()
        age = abs(time.time() - int(timestamp))
    except (KeyError, ValueError) as error:
        raise InvalidSignature("the headers of Standard Webhooks are missing or malformed") from error
    if age > tolerance:
        raise InvalidSignature("the request was signed too long ago, or in the future")
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(signed).decode()
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures):
        raise InvalidSignature("no signature is right")
    verified: WebhookBody = json.loads(body)
    return verified
