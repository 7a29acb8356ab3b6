"""A real Prometheus scrapes a real process that has delivered and failed: every expression of the dashboard and of the alert rules is
evaluated by it, and names only metrics that are there. Every alert has its page.

    python tests/peers/metrics.py target/debug/watchbell
"""

import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import yaml

from server import CONFIG, DEADLINE_SECONDS, ROUTER, Client, free_port, serving

ROOT = pathlib.Path(__file__).parents[2]
METRIC = re.compile(r"\b(?:watchbell|http_server|rpc_server|process)_\w+|\bup\b")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is sent to /hook, and refuses the rest for good."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/hook" else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Prometheus:
    def __init__(self, target: str, directory: pathlib.Path):
        port = free_port()
        scrape = {"job_name": "watchbell", "static_configs": [{"targets": [target]}]}
        configuration = directory / "prometheus.yaml"
        configuration.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}))
        storage = f"--storage.tsdb.path={directory / 'data'}"
        command = ["prometheus", f"--config.file={configuration}", storage, f"--web.listen-address=127.0.0.1:{port}"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **parameters: str) -> dict:
        with urllib.request.urlopen(f"{self.url}/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def names(self) -> set[str]:
        try:
            return set(self.get("label/__name__/values"))
        except OSError:
            return set()  # It has not started yet.


def main(binary: str) -> None:
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    operators = f"127.0.0.1:{free_port()}"
    with serving(binary, free_port(), {"SERVER__ADMIN_ADDRESS": operators}) as client, tempfile.TemporaryDirectory() as directory:
        deliver_and_fail(client, f"http://127.0.0.1:{receiver.server_port}")
        prometheus = Prometheus(operators, pathlib.Path(directory))
        try:
            evaluate(prometheus)
        finally:
            prometheus.process.terminate()
            prometheus.process.wait(timeout=DEADLINE_SECONDS)


def deliver_and_fail(client: Client, url: str) -> None:
    team = client.call(f"{CONFIG}.TeamService", "CreateTeam", {"team": {"display_name": "Metrics"}})["team"]["id"]
    for name in ["hook", "refusing"]:
        channel = {"display_name": name, "webhook": {"url": f"{url}/{name}", "filter": {"types": ["finding.*"]}}}
        client.call(f"{CONFIG}.ChannelService", "CreateChannel", {"team_id": team, "channel": channel})
    data = {"finding_id": "fnd-1", "title": "Public bucket", "resource": "s3://audit-logs"}
    event = {"type": "finding.created", "severity": "SEVERITY_CRITICAL", "data": data}
    client.call(ROUTER, "Emit", {"team_id": team, "event": event})


def expressions() -> list[str]:
    dashboard = json.loads((ROOT / "deploy/grafana/watchbell.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
    pages = (ROOT / "docs/operations.md").read_text()
    for rule in rules:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}", rule
        assert f"\n### {rule['alert']}\n" in pages, f"{rule['alert']} has no page"
    for variable in dashboard["templating"]["list"][1:]:
        panels += re.findall(r"label_values\((.*), \w+\)", variable["query"]["query"])
    filled = {"$__rate_interval": "1m", "$instance": ".*", "$job": ".*"}
    every = panels + [rule["expr"] for rule in rules]
    return [re.sub(r"\$\w+", lambda variable: filled[variable.group()], expression) for expression in every]


def evaluate(prometheus: Prometheus) -> None:
    asked = expressions()
    wanted = {name for expression in asked for name in METRIC.findall(expression)}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (missing := wanted - prometheus.names()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not missing, f"the dashboard or the alerts name what is not measured: {missing}"
    for expression in asked:
        prometheus.get("query", query=expression)
    # Four kinds by four outcomes, of which one event by two webhooks has met two.
    counted = {"count(watchbell_attempts_total)": 16, "count(watchbell_attempts_total == 0)": 14, "count(watchbell_build_info)": 1}
    for expression, expected in counted.items():
        [sample] = prometheus.get("query", query=expression)["result"]
        assert sample["value"][1] == str(expected), (expression, sample)
    bounds = {sample["metric"]["le"] for sample in prometheus.get("query", query="watchbell_dispatch_duration_seconds_bucket")["result"]}
    assert {"0.001", "0.005", "1", "60"} <= bounds, bounds
    print(json.dumps({"expressions": len(asked), "metrics": len(wanted)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
