"""Headless Chromium, with and without JavaScript, and what the accessibility engine axe finds in a page."""

import base64
import contextlib
import json
import pathlib
import tempfile
from collections.abc import Iterator

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from server import DEADLINE_SECONDS

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BLOCKED = 2

# A phone held upright, which is also a desktop at 400% (WCAG 2.2, 1.4.10), and a desktop.
WIDTHS = [320, 1200]
SCHEMES = ["light", "dark"]


class Browser:
    """One window, as a person sees it."""

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} of {selector} on {self.text}"
        return found[0]

    @property
    def text(self) -> str:
        return self.one("body").text

    @property
    def heading(self) -> str:
        return self.one("h1").text

    @property
    def buttons(self) -> list[str]:
        return [button.text for button in self.all("button, input[type=submit], [role=button]")]

    def press(self, label: str) -> None:
        """Clicks the button or the link, and waits for the page that it leads to."""
        found = [one for one in self.all("button, a") if one.text == label]
        assert len(found) == 1, f"{len(found)} times {label!r} on {self.text}"
        before = self.one("html")
        found[0].click()
        WebDriverWait(self.driver, DEADLINE_SECONDS).until(lambda _: self.all("html") not in ([], [before]))

    def tab(self) -> WebElement:
        """Moves the keyboard's focus on; what has it now."""
        self.driver.switch_to.active_element.send_keys(Keys.TAB)
        return self.driver.switch_to.active_element

    def look(self, width: int, scheme: str) -> None:
        """Shows pages so wide, in that colour scheme, from now on."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def keep_pictures(self, directory: pathlib.Path, name: str) -> None:
        """Of the whole page, at each width and in each colour scheme."""
        for width in WIDTHS:
            for scheme in SCHEMES:
                self.look(width, scheme)
                picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                (directory / f"{name}-{width}-{scheme}.png").write_bytes(base64.b64decode(picture["data"]))


@contextlib.contextmanager
def browsing(scripts: bool) -> Iterator[Browser]:
    """A browser without a past."""
    options = webdriver.ChromeOptions()
    for argument in ARGUMENTS:
        options.add_argument(argument)
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": BLOCKED})
    service = webdriver.ChromeService("/usr/bin/chromedriver")
    options.binary_location = "/usr/bin/chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options, service)
        driver.set_page_load_timeout(DEADLINE_SECONDS)
        try:
            browser = Browser(driver)
            browser.open("data:text/html,<title>without</title><script>document.title='with'</script>")
            assert driver.title == ("with" if scripts else "without"), f"scripts ran: {driver.title}"
            yield browser
        finally:
            driver.quit()


def check_accessibility(browser: Browser, engine: str, page: str) -> int:
    """Fails with all that axe finds wrong in the page, or leaves undecided, at each width and in each colour scheme. The
    number of rules that passed."""
    passed = 0
    for width in WIDTHS:
        for scheme in SCHEMES:
            browser.look(width, scheme)
            browser.driver.execute_script(engine)
            found = browser.driver.execute_async_script("axe.run().then(arguments[0], error => arguments[0]({error: `${error}`}))")
            where = f"{page} at {width} px in {scheme} colours"
            assert "error" not in found, f"{where}: {found}"
            wrong = found["violations"] + found["incomplete"]
            assert not wrong, f"{where}: {json.dumps(wrong, indent=2)}"
            wide = browser.driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{where}: it is {wide} px wide"
            passed += len(found["passes"])
    return passed
