"""Events as values: an event type is a class, its `data` are the fields."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Literal, TypedDict, Unpack

from .contracts import Event

SeverityName = Literal["INFO", "LOW", "MODERATE", "MEDIUM", "HIGH", "CRITICAL"]


@dataclass(kw_only=True)
class EventType:
    """What all event types have. Fields without a value are left out."""

    TYPE: ClassVar[str] = ""

    extra: dict[str, Any] = field(default_factory=dict)
    """Further keys of `data`, beside those of the type's schema."""

    @property
    def type(self) -> str:
        """Name of the event type, such as `finding.created`."""
        return self.TYPE

    def data(self) -> dict[str, Any]:
        """The event's `data`."""
        # A key that is a word of Python, such as `from`, is the field `from_`.
        given = {each.name.removesuffix("_"): getattr(self, each.name) for each in fields(self) if each.name != "extra"}
        return {name: value for name, value in given.items() if value is not None} | self.extra


@dataclass
class Custom(EventType):
    """An event type of the team's own catalog: `Custom("deploy.finished", {"service": "api"})`."""

    name: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return self.name

    def data(self) -> dict[str, Any]:
        return self.body


class EventOptions(TypedDict, total=False):
    """What an event has beside its type and its `data`; all of it optional."""

    id: str
    """Unique in the team; the receivers' idempotency key."""
    severity: SeverityName
    title: str
    url: str
    subject: str
    source: str
    occurred_at: datetime


def event_message(event: EventType, **options: Unpack[EventOptions]) -> Event:
    """An event as the contracts have it."""
    message: dict[str, Any] = {"id": str(uuid.uuid4()), "type": event.type, "data": event.data(), **options}
    if "severity" in options:
        message["severity"] = f"SEVERITY_{options['severity']}"
    if "occurred_at" in options:
        if options["occurred_at"].tzinfo is None:
            raise ValueError("occurred_at needs a time zone")
        message["occurred_at"] = options["occurred_at"].isoformat()
    return message  # type: ignore[return-value]
