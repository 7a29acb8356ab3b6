"""Against a real server: `WATCHBELL_BINARY=target/debug/watchbell python -m unittest discover shared/clients/python/tests`."""

import contextlib
import http.server
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from datetime import UTC, datetime

from watchbell import Custom, InvalidSignature, Watchbell, WatchbellError, verify
from watchbell._transport import delay, retrying
from watchbell.catalog import BUILT_IN, AccountPlanChanged, FindingCreated

BINARY = os.environ["WATCHBELL_BINARY"]
DEADLINE = 60


class Receiver(http.server.BaseHTTPRequestHandler):
    arrived: "queue.Queue[tuple[dict[str, str], bytes]]" = queue.Queue()

    def do_POST(self) -> None:
        self.arrived.put((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server:
    """A server on a store of its own, which can be away for a while."""

    def __init__(self, directory: str, address: str = "127.0.0.1:0") -> None:
        command = [BINARY, "serve", "--data-dir", directory, "--listen", address, "--egress-allow", "127.0.0.0/8"]
        environment = os.environ | {"RUST_LOG": "error"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        self.url = self.process.stdout.readline().split(" at ")[-1].strip()
        self.key = pathlib.Path(directory, "admin.key").read_text().strip()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.directory, self.server = directory, Server(directory)
        self.addCleanup(lambda: self.server.stop())
        admin = self.enterContext(Watchbell(self.server.url, self.server.key))
        self.team = admin.team.create_team({"team": {"display_name": "Client"}})["team"]["id"]
        self.bell = self.enterContext(Watchbell(self.server.url, self.server.key, team=self.team))

    def accepted(self) -> set[str]:
        found, token = set(), ""
        while True:
            page = self.bell.dispatcher.list_events({"team_id": self.team, "page_size": 1000, "page_token": token})
            found |= {listed["event"]["id"] for listed in page["events"]}
            if not (token := page["next_page_token"]):
                return found

    def test_events_are_streamed_each_once_and_the_stream_goes_on_over_a_restart(self) -> None:
        ids = [self.bell.emit(FindingCreated(finding_id=str(number))) for number in range(3)]
        stream = self.bell.stream_events(from_beginning=True, types=["finding.*"])
        first = [next(stream) for _ in range(2)]
        self.assertEqual([streamed.accepted["event"]["id"] for streamed in first], ids[:2])
        rest = self.bell.stream_events(cursor=first[1].cursor, types=["finding.*"])
        self.assertEqual(next(rest).accepted["event"]["id"], ids[2])
        self.server.stop()
        self.server = Server(self.directory, self.server.url.removeprefix("http://"))
        later = self.bell.emit(FindingCreated(finding_id="later"))
        self.assertEqual(next(rest).accepted["event"]["id"], later)
        with self.assertRaises(WatchbellError) as refused:
            next(self.bell.stream_events(cursor="no-cursor"))
        self.assertEqual(refused.exception.code, "invalid_argument")

    def test_an_event_reaches_a_webhook_whose_signature_verifies(self) -> None:
        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        self.addCleanup(receiver.server_close)
        self.addCleanup(receiver.shutdown)
        made = self.bell.channel.create_channel({
            "team_id": self.team,
            "channel": {"display_name": "siem", "webhook": {"url": f"http://127.0.0.1:{receiver.server_port}", "filter": {"types": ["*"]}}},
        })
        event = FindingCreated(finding_id="fnd-1", score=9.1, extra={"ticket": "SEC-1"})
        id = self.bell.emit(event, severity="CRITICAL", title="Public bucket", occurred_at=datetime.now(UTC))
        headers, body = Receiver.arrived.get(timeout=DEADLINE)
        arrived = verify(made["signing_secret"], headers, body)
        self.assertEqual((arrived["event"]["id"], arrived["event"]["title"]), (id, "Public bucket"))
        self.assertEqual(arrived["data"], {"finding_id": "fnd-1", "score": 9.1, "ticket": "SEC-1"})
        for secret, headers_, body_, tolerance in [
            (made["signing_secret"], headers, body + b" ", 300.0),
            ("whsec_" + "A" * 44, headers, body, 300.0),
            (made["signing_secret"], {}, body, 300.0),
            (made["signing_secret"], headers, body, -1.0),
        ]:
            with self.assertRaises(InvalidSignature):
                verify(secret, headers_, body_, tolerance=tolerance)

    def test_errors_name_the_fields_and_the_reason(self) -> None:
        with self.assertRaises(WatchbellError) as raised:
            self.bell.emit(Custom("finding.imagined", {}))
        error = raised.exception
        self.assertEqual(error.code, "invalid_argument")
        self.assertEqual([violation.field for violation in error.violations], ["event.type"])
        self.assertFalse(error.is_transient)
        with Watchbell(self.server.url, "wbk_nobody") as nobody, self.assertRaises(WatchbellError) as raised:
            nobody.team.list_teams({})
        self.assertEqual(raised.exception.code, "unauthenticated")

    def test_an_emitter_loses_nothing_in_an_outage(self) -> None:
        refused: list[str] = []
        with self.bell.emitter(linger=0.01, on_refused=lambda event, error: refused.append(event["type"])) as emitter:
            ids = {emitter.emit(FindingCreated(finding_id=f"fnd-{number}")) for number in range(300)}
            emitter.emit(Custom("finding.imagined", {}))
            self.assertTrue(emitter.flush(DEADLINE))
            self.server.stop()
            ids |= {emitter.emit(FindingCreated(finding_id=f"fnd-{number}")) for number in range(300, 900)}
            self.assertFalse(emitter.flush(0.3))
            self.server = Server(self.directory, self.server.url.removeprefix("http://"))
        self.assertEqual(self.accepted(), ids)
        self.assertEqual(refused, ["finding.imagined"])
        with self.assertRaises(RuntimeError):
            emitter.emit(FindingCreated(finding_id="late"))

    def test_the_end_of_a_process_waits_for_what_was_emitted(self) -> None:
        script = textwrap.dedent(f"""
            from watchbell import Watchbell
            from watchbell.catalog import FindingCreated
            emitter = Watchbell({self.server.url!r}, {self.server.key!r}, team={self.team!r}).emitter(linger=5)
            for number in range(700):
                emitter.emit(FindingCreated(finding_id=str(number)), id=f"exit-{{number}}")
        """)
        subprocess.run([sys.executable, "-c", script], check=True, timeout=DEADLINE)
        self.assertEqual(self.accepted(), {f"exit-{number}" for number in range(700)})

    def test_what_is_left_when_time_is_up_is_handed_back(self) -> None:
        self.server.stop()
        left: list[str] = []
        emitter = self.bell.emitter(linger=0.01, on_refused=lambda event, error: left.append(event["id"]))
        id = emitter.emit(FindingCreated(finding_id="fnd-1"))
        emitter.close(timeout=0.2)
        self.assertEqual(left, [id])
        self.server = Server(self.directory)


class UnitTest(unittest.TestCase):
    def test_every_event_type_leaves_out_what_it_was_not_given(self) -> None:
        self.assertEqual(FindingCreated(finding_id="a").data(), {"finding_id": "a"})
        self.assertEqual(AccountPlanChanged(to="pro", from_="free").data(), {"to": "pro", "from": "free"})
        self.assertEqual({name: each.TYPE for name, each in BUILT_IN.items()}, {name: name for name in BUILT_IN})

    def test_only_what_is_safe_is_repeated(self) -> None:
        def calls(error: WatchbellError, repeatable: bool) -> int:
            made: list[None] = []

            def call() -> None:
                made.append(None)
                raise error

            with contextlib.suppress(WatchbellError):
                retrying(call, 3, repeatable, sleep=lambda seconds: None)
            return len(made)

        gone = WatchbellError("unavailable", "")
        limited = WatchbellError("resource_exhausted", "", retry_after=1)
        too_large = WatchbellError("resource_exhausted", "")
        wrong = WatchbellError("invalid_argument", "")
        made = [(calls(error, True), calls(error, False)) for error in (gone, limited, too_large, wrong)]
        self.assertEqual(made, [(3, 1), (3, 3), (1, 1), (1, 1)])

    def test_no_attempt_comes_earlier_than_asked(self) -> None:
        self.assertTrue(all(delay(attempt, 7) > 7 for attempt in range(1, 20)))
        self.assertTrue(all(0 < delay(attempt, None) <= 10 for attempt in range(1, 50)))

    def test_a_url_that_is_none_is_refused(self) -> None:
        for url in ["127.0.0.1:7700", "ftp://host", "http://"]:
            with self.assertRaises(ValueError):
                Watchbell(url, "key")


if __name__ == "__main__":
    unittest.main()
