"""A mail server that keeps what it is given, and what a person's mail program would read in it."""

import email
import email.policy
import html
import re
import threading
from email.message import EmailMessage

from aiosmtpd.controller import Controller

from server import DEADLINE_SECONDS, free_port


class Mailbox:
    """Takes every message. Stops at the end of its `with`."""

    def __init__(self):
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.arrived: list[tuple[str, EmailMessage]] = []
        self.changed = threading.Condition()

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.controller.stop()

    @property
    def settings(self) -> dict[str, str]:
        """What leads the platform's mail here."""
        return {"MAIL__HOST": "127.0.0.1", "MAIL__PORT": str(self.controller.port), "MAIL__SECURITY": "none"}

    async def handle_DATA(self, _server, _session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with self.changed:
            self.arrived += [(recipient, message) for recipient in envelope.rcpt_tos]
            self.changed.notify_all()
        return "250 OK"

    def about(self, recipient: str, words: str) -> list[EmailMessage]:
        """What the recipient has got with these words in its subject."""
        return [message for to, message in self.arrived if to == recipient and words in message["subject"]]

    def wait_for(self, recipient: str, words: str) -> EmailMessage:
        """The first message to the recipient with these words in its subject."""
        with self.changed:
            came = self.changed.wait_for(lambda: self.about(recipient, words), timeout=DEADLINE_SECONDS)
            subjects = [(to, message["subject"]) for to, message in self.arrived]
            assert came, f"no mail about {words!r} came to {recipient}, only {subjects}"
            return self.about(recipient, words)[0]


def acknowledge_link(message: EmailMessage) -> str:
    """The link by which the message's alert is acknowledged, the same in both parts."""
    text = message.get_body(("plain",)).get_content()
    links = re.findall(r"https?://\S+/acknowledge\?token=[\w.-]+", text)
    assert len(links) == 1, text
    assert links[0] in html.unescape(message.get_body(("html",)).get_content()), "the html part does not show the link"
    return links[0]


def confirmation_link(message: EmailMessage) -> str:
    """The link that the message shows, and its one-click header does not have."""
    assert message["list-unsubscribe-post"] is None, message["list-unsubscribe-post"]
    text = message.get_body(("plain",)).get_content()
    links = re.findall(r"https?://\S+/confirm\?token=[\w.-]+", text)
    assert len(links) == 1, text
    return links[0]


def one_click_link(message: EmailMessage) -> str:
    """The link that RFC 8058 asks for, which the message also shows."""
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click", message["list-unsubscribe-post"]
    link = re.fullmatch(r"<(https?://[^>]+)>", message["list-unsubscribe"].strip())
    assert link, message["list-unsubscribe"]
    for kind in ("plain", "html"):
        body = message.get_body((kind,)).get_content()
        assert link[1] in html.unescape(body), f"the {kind} part does not show the link: {body}"
    return link[1]
