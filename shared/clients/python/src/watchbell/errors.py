"""Errors of calls, as the server tells them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_CODES = [
    "ok",
    "canceled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
]
"""The codes of gRPC, each at its number."""


@dataclass(frozen=True)
class FieldViolation:
    """A field that is wrong."""

    field: str
    """Path, such as `event.data.score`."""
    reason: str
    description: str


@dataclass
class WatchbellError(Exception):
    """A call that was refused or failed. `code` is one of gRPC's in lower case, `reason` a stable word."""

    code: str
    message: str
    reason: str = ""
    violations: list[FieldViolation] = field(default_factory=list)
    retry_after: float | None = None
    """Seconds after which the server wants the call again; `None` when it has not said."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed later without a change."""
        return self.code in ("unavailable", "deadline_exceeded") or (
            self.code == "resource_exhausted" and self.retry_after is not None
        )

    @classmethod
    def from_body(cls, status: int, body: bytes) -> WatchbellError:
        """From an answer by HTTP."""
        try:
            answer = json.loads(body)
            details = [(each["type"], each.get("debug", {})) for each in answer.get("details", [])]
            return cls._from(answer["code"], answer.get("message", ""), details)
        except (ValueError, KeyError, TypeError):
            # A proxy on the way, not Watchbell.
            code = "unavailable" if status in (429, 502, 503, 504) else "unknown"
            return cls(code, f"HTTP {status}")

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> WatchbellError:
        """From a `google.rpc.Status`, such as the one of an event that a batch refuses."""
        details = [(each["@type"].rsplit("/", 1)[-1], each) for each in status.get("details", [])]
        return cls._from(_CODES[status.get("code", 2)], status.get("message", ""), details)

    @classmethod
    def _from(cls, code: str, message: str, details: Iterable[tuple[str, Mapping[str, Any]]]) -> WatchbellError:
        error = cls(code, message)
        for kind, detail in details:
            if kind == "google.rpc.ErrorInfo":
                error.reason = detail.get("reason", "")
            elif kind == "google.rpc.RetryInfo":
                error.retry_after = float(detail.get("retry_delay", "0s").rstrip("s"))
            elif kind == "google.rpc.BadRequest":
                error.violations = [
                    FieldViolation(each.get("field", ""), each.get("reason", ""), each.get("description", ""))
                    for each in detail.get("field_violations", [])
                ]
        return error
