"""The client of a Watchbell server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self, Unpack

from ._stream import StreamedEvent, events
from ._transport import Transport
from .contracts import Services
from .emitter import Emitter, EmitterOptions
from .events import EventOptions, EventType, event_message


class Watchbell(Services):
    """Calls a server with an API key or a member's token. May be shared by threads.

    A team's own key knows its team; with another one, `team` is the id of the team that events are of. `timeout` is for each
    attempt, in seconds; `ca_file` names a private certificate authority, in PEM.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        team: str = "",
        timeout: float = 30,
        attempts: int = 5,
        ca_file: str | None = None,
    ) -> None:
        self._transport = Transport(url, key, timeout=timeout, attempts=attempts, ca_file=ca_file)
        super().__init__(self._transport)
        self._team = team

    def emit(self, event: EventType, **options: Unpack[EventOptions]) -> str:
        """Accepts one event, which is on disk when this returns its id. An id is made unless one is given, so that the call can be
        repeated."""
        return self.router.emit({"team_id": self._team, "event": event_message(event, **options)})["event_id"]

    def emitter(self, **options: Unpack[EmitterOptions]) -> Emitter:
        """Sends events in batches in the background."""
        return Emitter(self.router, self._team, **options)

    def stream_events(
        self,
        *,
        cursor: str = "",
        from_beginning: bool = False,
        types: Iterable[str] = (),
        min_severity: str = "",
        include_tests: bool = False,
    ) -> Iterator[StreamedEvent]:
        """Events as they are accepted, each once, without end: after `cursor`, from the oldest that is kept, or from now on. Raises
        `out_of_range` when events after the cursor are not kept any more."""
        query = {"team_id": self._team, "types": ",".join(types), "min_severity": min_severity}
        flags = {"from_beginning": from_beginning, "include_tests": include_tests}
        return events(self._transport, query | {name: "true" for name, given in flags.items() if given}, cursor)

    def close(self) -> None:
        """Closes idle connections. The client may be used again."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
