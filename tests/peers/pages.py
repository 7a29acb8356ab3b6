"""The pages that emails lead to, in headless Chromium: as their readers meet them, without scripts and without cookies,
and as the accessibility engine axe judges them. Every link is taken from an email that was really delivered.

    python tests/peers/pages.py target/debug/watchbell node_modules/axe-core/axe.min.js [directory for pictures]
"""

import http.client
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

from browser import Browser, browsing, check_accessibility
from mailbox import Mailbox, acknowledge_link, confirmation_link, one_click_link
from server import CONFIG, DEADLINE_SECONDS, DISPATCHER, ROUTER, Client, free_port, serving

ALERTS = "watchbell.dispatcher.v1.AlertService"
BRAND, COLOR, COLOR_AS_COMPUTED = "Lantern & Sons", "#ffd400", "rgba(255, 212, 0, 1)"
OFF, ON, SEVERITIES = (f"PREFERENCE_SETTING_{word}" for word in ("OFF", "ON", "SEVERITIES"))


class Person:
    """A member of a team of their own, and what they hear by email."""

    def __init__(self, client: Client, mailbox: Mailbox, name: str):
        self.client, self.mailbox, self.address = client, mailbox, f"{name}@example.com"
        self.team_name = f"Team of {name}"
        self.team = client.call(f"{CONFIG}.TeamService", "CreateTeam", {"team": {"display_name": self.team_name}})["team"]["id"]
        member = {"email": self.address, "role": "ROLE_OWNER"}
        created = client.call(f"{CONFIG}.TeamService", "CreateMember", {"team_id": self.team, "member": member})
        self.member = created["member"]["id"]

    def preferences(self) -> dict[str, tuple]:
        """What is set for each topic."""
        request = {"team_id": self.team, "member_id": self.member}
        answer = self.client.call(f"{CONFIG}.PreferenceService", "GetPreferences", request)
        return {one["topic"]: (one["setting"], *sorted(one.get("severities", []))) for one in answer["preferences"]}

    def emit_finding(self, title: str) -> str:
        data = {"finding_id": title, "title": title}
        return self.emit({"type": "finding.created", "severity": "SEVERITY_CRITICAL", "title": title, "data": data})

    def emit_deadline(self, title: str) -> str:
        data = {"finding_id": title, "title": title, "deadline": "2026-11-20T12:00:00Z"}
        return self.emit({"type": "sla.breached", "severity": "SEVERITY_HIGH", "title": title, "data": data})

    def emit(self, event: dict) -> str:
        return self.client.call(ROUTER, "Emit", {"team_id": self.team, "event": event})["event_id"]

    def emails_of(self, event_id: str) -> list[dict]:
        request = {"team_id": self.team, "event_id": event_id, "kind": "CHANNEL_KIND_EMAIL"}
        return self.client.call(DISPATCHER, "ListDeliveries", request).get("deliveries", [])

    def name_as_recipient(self, address: str) -> tuple[str, str]:
        """An email channel that names somebody outside the team, and the link by which they confirm."""
        channel = {"display_name": f"of {address}", "email": {"recipients": [address]}}
        request = {"team_id": self.team, "channel": channel}
        made = self.client.call(f"{CONFIG}.ChannelService", "CreateChannel", request)["channel"]
        assert self.unconfirmed(made["id"]) == [address], made
        rule = {"display_name": "All findings", "match": {"types": ["finding.*"]}, "send": {"channel_ids": [made["id"]]}}
        self.client.call(f"{CONFIG}.RoutingService", "CreateRule", {"team_id": self.team, "rule": rule})
        email = self.mailbox.wait_for(address, f"Confirm that you want emails of “{self.team_name}”")
        return made["id"], confirmation_link(email)

    def unconfirmed(self, channel: str) -> list[str]:
        request = {"team_id": self.team, "channel_id": channel}
        got = self.client.call(f"{CONFIG}.ChannelService", "GetChannel", request)["channel"]
        return [one["address"] for one in got["email"].get("unconfirmed_recipients", [])]

    def alert(self, title: str) -> str:
        """The link of a new email about a finding by which its alert is acknowledged."""
        self.emit_finding(title)
        return acknowledge_link(self.mailbox.wait_for(self.address, title))

    def state_of_alert(self) -> tuple[str, str | None]:
        """The state of the team's newest alert, and who has acknowledged it."""
        alert = self.client.call(ALERTS, "ListAlerts", {"team_id": self.team})["alerts"][0]
        return alert["state"], alert.get("acknowledged_by")

    def resolve_alert(self) -> None:
        alert = self.client.call(ALERTS, "ListAlerts", {"team_id": self.team})["alerts"][0]
        self.client.call(ALERTS, "ResolveAlert", {"team_id": self.team, "key": alert["key"]})

    def link(self) -> str:
        """The one-click link of a new email about a finding."""
        title = f"Public bucket {len(self.mailbox.arrived)}"
        self.emit_finding(title)
        return one_click_link(self.mailbox.wait_for(self.address, title))


def main(binary: str, engine: str, pictures: str | None = None) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    brand = {"BRAND__NAME": BRAND, "BRAND__PRIMARY_COLOR": COLOR, "BRAND__PUBLIC_URL": base}
    with Mailbox() as mailbox, serving(binary, port, brand | mailbox.settings) as client:
        with browsing(scripts=False) as browser:
            leaving_a_topic_and_coming_back(browser, Person(client, mailbox, "ann"))
            choosing_topics(browser, Person(client, mailbox, "ben"))
            following_the_keyboard(browser, Person(client, mailbox, "cleo"))
            links_that_are_not_valid(browser, Person(client, mailbox, "dora"), base)
            confirming(browser, Person(client, mailbox, "gus"))
            acknowledging(browser, Person(client, mailbox, "iris"))
        one_click_by_a_mail_program(Person(client, mailbox, "eve"))
        with browsing(scripts=True) as browser:
            passed = accessible(browser, Person(client, mailbox, "finn"), pathlib.Path(engine).read_text(), base, pictures)
    print(json.dumps({"pages": "hold without scripts and cookies", "accessibility_rules_passed": passed}))


def leaving_a_topic_and_coming_back(browser: Browser, person: Person) -> None:
    link, before = person.link(), person.preferences()
    # What scans links does not unsubscribe anybody, however often and however it looks.
    for method in ("GET", "HEAD", "GET"):
        assert ask(method, link).status == 200
    browser.open(link)
    assert browser.heading == "Unsubscribe from “Findings”?", browser.text
    assert browser.buttons == ["Unsubscribe"], browser.buttons
    is_branded(browser)
    assert person.preferences() == before, "opening the page changed something"

    browser.press("Unsubscribe")
    assert browser.heading == "You are unsubscribed" and "“Findings” is off" in browser.text, browser.text
    assert browser.buttons == ["Undo", "Turn off all emails"], browser.buttons
    assert person.preferences() == before | {"findings": (OFF,)}, person.preferences()
    hears_of_deadlines_but_not_of_findings(person)

    browser.press("Undo")
    assert browser.heading == "You are subscribed again", browser.text
    assert person.preferences() == before, person.preferences()
    person.link()

    browser.press("Unsubscribe")
    browser.press("Turn off all emails")
    assert browser.heading == "All emails are off", browser.text
    assert all(topic in browser.text for topic in ("Findings", "Deadlines", "Weekly digest")), browser.text
    assert set(person.preferences().values()) == {(OFF,)}, person.preferences()
    browser.press("Undo")
    assert person.preferences() == before, "undoing goes back to what was before the email"
    assert browser.driver.get_cookies() == [], browser.driver.get_cookies()


def choosing_topics(browser: Browser, person: Person) -> None:
    before = person.preferences()
    browser.open(person.link())
    browser.press("Choose which emails you get")
    shown = {field.get_attribute("name").removeprefix("setting.") for field in browser.all("input[type=radio]")}
    assert shown == set(before), f"{shown} are shown of {set(before)}"
    is_branded(browser)
    browser.press("Save")
    assert browser.one("[role=status]").text == "Nothing was changed." and person.preferences() == before, browser.text

    # A link turns mail only off.
    assert browser.all(f"input[name='setting.marketing'][value={ON}]") == [], browser.text
    browser.one("input[name='severity.findings'][value=SEVERITY_HIGH]").click()
    browser.one(f"input[name='setting.sla'][value={OFF}]").click()
    page = browser.driver.current_url
    browser.press("Save")
    assert browser.one("[role=status]").text.startswith("Saved."), browser.text
    after = before | {"findings": (SEVERITIES, "SEVERITY_CRITICAL"), "sla": (OFF,)}
    assert person.preferences() == after, person.preferences()
    browser.open(page)
    chosen = {(field.get_attribute("name"), field.get_attribute("value")) for field in browser.all("input:checked")}
    assert chosen == {field for topic, wish in after.items() for field in fields(topic, wish)}, chosen
    assert browser.driver.get_cookies() == [], browser.driver.get_cookies()


def following_the_keyboard(browser: Browser, person: Person) -> None:
    before = person.preferences()
    browser.open(person.link())
    button = browser.tab()
    assert button.text == "Unsubscribe", button.text
    assert button.value_of_css_property("outline-style") == "solid", "nothing shows where the keyboard is"
    assert float(button.value_of_css_property("outline-width").removesuffix("px")) >= 2
    button.submit()
    assert browser.heading == "You are unsubscribed", browser.text
    assert person.preferences() == before | {"findings": (OFF,)}, person.preferences()


def links_that_are_not_valid(browser: Browser, person: Person, base: str) -> None:
    link, before = person.link(), person.preferences()
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
    middle = len(token) // 2
    forged = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    pages = set()
    for wrong in ("", "nonsense", token[:-4], forged, "<script>alert(1)</script>", token + token):
        for path in ("/unsubscribe", "/preferences"):
            url = f"{base}{path}?token={urllib.parse.quote(wrong)}"
            for method in ("GET", "POST"):
                answer = ask(method, url)
                assert answer.status == 404, f"{method} {url}: {answer.status}"
                pages.add(answer.text)
    assert len(pages) == 1, f"a wrong link can be told from another: {pages}"
    told = pages.pop()
    assert not any(known in told for known in (person.address, person.team_name, person.team, person.member)), told
    assert person.preferences() == before
    browser.open(f"{base}/unsubscribe?token={forged}")
    assert browser.heading == "This link is not valid" and browser.buttons == [], browser.text
    assert "ask an Owner of your team" in browser.text, "it does not say what to do"
    is_branded(browser)


def confirming(browser: Browser, person: Person) -> None:
    stranger = "gil@elsewhere.example"
    channel, link = person.name_as_recipient(stranger)
    for method in ("GET", "HEAD", "GET"):
        assert ask(method, link).status == 200
    browser.open(link)
    assert browser.heading == f"Get emails of “{person.team_name}”?" and browser.buttons == ["Confirm"], browser.text
    assert BRAND in browser.text and stranger not in browser.text, browser.text
    is_branded(browser)
    assert person.unconfirmed(channel) == [stranger], "opening the page confirmed something"
    refused = person.emit_finding("Before the stranger confirmed")
    browser.press("Confirm")
    assert browser.heading == "Confirmed" and browser.buttons == [], browser.text
    assert person.unconfirmed(channel) == [], browser.text
    person.emit_finding("After the stranger confirmed")
    person.mailbox.wait_for(stranger, "After the stranger confirmed")
    assert person.mailbox.about(stranger, "Before the stranger confirmed") == [], refused
    browser.open(link)
    assert browser.heading == "Confirmed", browser.text
    assert browser.driver.get_cookies() == [], browser.driver.get_cookies()


def acknowledging(browser: Browser, person: Person) -> None:
    link = person.alert("Keys in a public repository")
    for method in ("GET", "HEAD", "GET"):
        assert ask(method, link).status == 200
    browser.open(link)
    assert browser.heading == "Acknowledge this alert?" and browser.buttons == ["Acknowledge"], browser.text
    assert "“Keys in a public repository”: Critical, open since" in browser.text, browser.text
    assert f"{person.address} has acknowledged it" in browser.text, browser.text
    is_branded(browser)
    assert person.state_of_alert() == ("ALERT_STATE_OPEN", None), "opening the page acknowledged the alert"
    button = browser.tab()
    assert button.text == "Acknowledge" and button.value_of_css_property("outline-style") == "solid", button.text
    browser.press("Acknowledge")
    assert browser.heading == "Acknowledged" and browser.buttons == [], browser.text
    assert person.state_of_alert() == ("ALERT_STATE_ACKNOWLEDGED", person.address), person.state_of_alert()
    for method in ("GET", "POST"):
        again = ask(method, link)
        assert again.status == 200 and again.cookies == [], again
        assert "Acknowledged already" in again.text and f"by {person.address} on " in again.text, again.text
    person.resolve_alert()
    browser.open(link)
    assert browser.heading == "This alert is over" and browser.buttons == [], browser.text
    assert browser.driver.get_cookies() == [], browser.driver.get_cookies()


def one_click_by_a_mail_program(person: Person) -> None:
    link, before = person.link(), person.preferences()
    # It may come twice (RFC 8058, section 3.2).
    for _ in range(2):
        answer = ask("POST", link, "List-Unsubscribe=One-Click")
        assert answer.status == 200 and answer.cookies == [], answer
        assert person.preferences() == before | {"findings": (OFF,)}, person.preferences()
    hears_of_deadlines_but_not_of_findings(person)


def accessible(browser: Browser, person: Person, engine: str, base: str, pictures: str | None) -> int:
    link, passed = person.link(), 0
    _, confirmation = person.name_as_recipient("hal@elsewhere.example")
    alert = person.alert("Keys in a public repository")
    ways = {
        "preferences": (link, ["Choose which emails you get"]),
        "saved": (link, ["Choose which emails you get", "Save"]),
        "asking": (link, []),
        "off": (link, ["Unsubscribe"]),
        "undone": (link, ["Unsubscribe", "Undo"]),
        "all-off": (link, ["Unsubscribe", "Turn off all emails"]),
        "not-valid": (f"{base}/unsubscribe?token=nonsense", []),
        "settings": (f"{base}/settings/notifications/compliance", []),
        "confirming": (confirmation, []),
        "confirmed": (confirmation, ["Confirm"]),
        "acknowledging": (alert, []),
        "acknowledged": (alert, ["Acknowledge"]),
    }
    for page, (url, labels) in ways.items():
        browser.open(url)
        for label in labels:
            browser.press(label)
        assert browser.one("html").get_attribute("lang") == "en", page
        assert browser.driver.title.endswith(f"– {BRAND}"), browser.driver.title
        passed += check_accessibility(browser, engine, page)
        if pictures:
            browser.keep_pictures(pathlib.Path(pictures), page)
    return passed


def is_branded(browser: Browser) -> None:
    assert browser.one("header").text == BRAND and browser.driver.title.endswith(f"– {BRAND}"), browser.text
    dot = browser.one("header .dot").value_of_css_property("background-color")
    assert dot == COLOR_AS_COMPUTED, f"the brand's colour is {dot}"


def hears_of_deadlines_but_not_of_findings(person: Person) -> None:
    quiet = person.emit_finding("Nobody wants to know")
    person.emit_deadline("A deadline is missed")
    person.mailbox.wait_for(person.address, "A deadline is missed")
    assert person.emails_of(quiet) == [], "an email is under way"
    assert person.mailbox.about(person.address, "Nobody wants to know") == []


def fields(topic: str, wish: tuple) -> set[tuple[str, str]]:
    setting, *severities = wish
    return {(f"setting.{topic}", setting), *((f"severity.{topic}", severity) for severity in severities)}


class Answer:
    """What a program without cookies and without patience for redirects gets."""

    def __init__(self, response: http.client.HTTPResponse):
        self.status, self.text = response.status, response.read().decode()
        self.cookies = response.headers.get_all("set-cookie") or []


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(method: str, url: str, body: str = "") -> Answer:
    data = body.encode() if method == "POST" else None
    request = urllib.request.Request(url, data, method=method)
    try:
        return Answer(urllib.request.build_opener(NoRedirects).open(request, timeout=DEADLINE_SECONDS))
    except urllib.error.HTTPError as error:
        return Answer(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
