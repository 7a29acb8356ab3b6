"""What Helm makes of the chart: Kubernetes' schemas take it, values that make no sense are refused, its settings are those
that the binary knows, and each of its containers, started as it would be, serves.

    python tests/peers/chart.py target/debug/watchbell target/ci-tools/helm/helm
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

import kubernetes_validate
import yaml
from pip._vendor import certifi

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/watchbell"
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/watchbell.json"
CLOUDNATIVE_PG = ROOT / "deploy/cloudnative-pg"

KUBERNETES = ["1.25", "1.33"]
# Kinds of the Prometheus operator, of which Kubernetes has no schema.
FOREIGN = {"PodMonitor", "PrometheusRule"}

# Settings that the chart knows by itself, takes as secrets, or leaves out: whoever wants TLS between pods has a mesh.
NOT_IN_VALUES = {
    "server": {"address", "admin_address", "shutdown_grace", "tls"},
    "auth": {"service_token", "accepted_service_tokens"},
    "auth.jwt": {"jwks_file"},
    "database": {"url"},
    "mail": {"password"},
    "config": {"sealing", "unsubscribe_keys"},
    "config.slack": {"client_secret"},
    "config.database": {"url", "schema"},
    "dispatcher.database": {"url", "schema"},
    "digest.database": {"url", "schema"},
}

REFUSED = {
    "a typo": ["--set", "ingres.className=nginx"],
    "a typo in a section of settings": ["--set", "settings.limits.brust=10"],
    "a setting of the wrong type": ["--set-string", "settings.limits.burst=10"],
    "a secret among the settings": ["--set", "settings.mail.password=hunter2"],
    "the chart's own setting": ["--set", "settings.server.shutdown_grace=5s"],
    "a mode that is none": ["--set", "mode=double"],
    "single with a database": ["--set", "database.url=postgres://db/bell"],
    "split with nothing": ["--set", "mode=split"],
    "split without a database": ["--set", "mode=split,secrets.existing=keys"],
    "split with two databases": [
        "--set",
        "mode=split,secrets.existing=keys,database.url=postgres://db/bell,database.secret.name=app",
    ],
    "split on another database": ["--set", "mode=split,secrets.existing=keys,database.url=mysql://db/b"],
    "split without keys": ["--set", "mode=split,database.secret.name=app,secrets.serviceToken=0123456789abcdef"],
    "a service token that could be guessed": ["--set", "secrets.serviceToken=hunter2"],
    "a key that is none": ["--set", "secrets.sealingKey=hunter2"],
    "an admin key that could be guessed": ["--set", "secrets.adminKey=wbk_hunter2"],
    "an older key that is none": ["--set", "secrets.olderSealingKeys[0]=hunter2"],
    "an admin key of two sources": ["--set", f"secrets.existing=keys,secrets.adminKey=wbk_{'a' * 43}"],
    "secrets of two sources": ["--set", "secrets.existing=keys,secrets.mailPassword=hunter2"],
    "an account without its password": ["--set", "settings.mail.host=smtp,settings.mail.username=bell"],
    "Slack without its secret": ["--set-string", "settings.config.slack.client_id=1.2"],
    "tokens of users for no audience": ["--set", "settings.auth.jwt.jwks_url=https://id/keys,settings.auth.jwt.issuer=id"],
    "an Ingress without a host": ["--set", "ingress.grpc.enabled=true"],
    "no Dispatcher": ["--set", "dispatcher.replicas=0"],
    "autoscaling without a goal": ["--set", "router.autoscaling.maxReplicas=3"],
    "a digest that is none": ["--set", "image.digest=latest"],
}


def main(binary: str, helm: str) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    same_settings(binary, schema["properties"]["settings"])
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version[1], "the chart is of another version"
    for name, arguments in REFUSED.items():
        refused = subprocess.run([helm, "template", "bell", CHART, *arguments], capture_output=True, text=True)
        assert refused.returncode and "values don't meet" in refused.stderr, f"{name} is not refused: {refused.stderr}"
    defaults = rendered(helm)
    opt_in = {"Secret", "Ingress", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"}
    assert opt_in.isdisjoint(kinds(defaults)), kinds(defaults)
    for name in ["single", "split", "existing"]:
        manifests = rendered(helm, "--values", CHART / "ci" / f"{name}-values.yaml")
        secrets_are_nowhere_else(manifests)
        if name == "existing":
            assert "Secret" not in kinds(manifests), kinds(manifests)
            continue
        assert len(kinds(manifests) & FOREIGN) == 2, kinds(manifests)
        rule = next(manifest for manifest in manifests if manifest["kind"] == "PrometheusRule")
        assert rule["spec"] == yaml.safe_load(ALERTS.read_text()), "the alerts are not those of deploy/prometheus"
        for workload in workloads(manifests):
            serves(binary, workload, manifests)
        if name == "split":
            scales(manifests)
            assert json.loads(dashboard(manifests)) == json.loads(DASHBOARD.read_text())
    for workload in workloads(defaults):
        serves(binary, workload, defaults)
    uses_the_cluster(rendered(helm, "--values", CLOUDNATIVE_PG / "values.yaml"))


def scales(manifests: list[dict]) -> None:
    """A workload that an autoscaler sizes states no number of its own, which each upgrade would set it back to."""
    sized = {
        (manifest["spec"]["scaleTargetRef"]["kind"], manifest["spec"]["scaleTargetRef"]["name"])
        for manifest in manifests
        if manifest["kind"] == "HorizontalPodAutoscaler"
    }
    unsized = {(each["kind"], each["metadata"]["name"]) for each in workloads(manifests) if "replicas" not in each["spec"]}
    assert sized == unsized and len(sized) == 2, (sized, unsized)


def dashboard(manifests: list[dict]) -> str:
    return next(manifest["data"]["watchbell.json"] for manifest in manifests if "dashboard" in manifest["metadata"]["name"])


def ready_by_helm_test(manifests: list[dict], url: str) -> None:
    """The pod of `helm test` finds a service that is ready, and fails when one is not there."""
    pod = next(manifest for manifest in manifests if manifest["kind"] == "Pod")
    bash, flag, script, name, *_services = pod["spec"]["containers"][0]["command"]
    host, port = url.removeprefix("http://").split(":")
    script = script.replace("/7700", f"/{port}")
    for asked, code in [([host], 0), ([host, "127.0.0.254"], 1)]:
        ran = subprocess.run([bash, flag, script, name, *asked], capture_output=True, text=True, timeout=60)
        assert ran.returncode == code and f"{host}: 200" in ran.stdout, ran.stdout + ran.stderr


def uses_the_cluster(manifests: list[dict]) -> None:
    """The services that have a database take its URL from the Secret that the operator writes for the application."""
    cluster = yaml.safe_load((CLOUDNATIVE_PG / "cluster.yaml").read_text())
    assert cluster["spec"]["postgresql"]["synchronous"]["number"] < cluster["spec"]["instances"] - 1
    variables = [
        variable
        for workload in workloads(manifests)
        for variable in workload["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "WATCHBELL__DATABASE__URL"
    ]
    reference = {"name": f"{cluster['metadata']['name']}-app", "key": "uri"}
    assert variables and all(variable["valueFrom"]["secretKeyRef"] == reference for variable in variables), variables


def rendered(helm: str, *arguments) -> list[dict]:
    for command in [["lint", "--strict", CHART], ["template", "bell", CHART]]:
        made = subprocess.run([helm, *command, *arguments], capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
    manifests = list(yaml.safe_load_all(made.stdout))
    for manifest in manifests:
        for version in KUBERNETES:
            if manifest["kind"] not in FOREIGN:
                kubernetes_validate.validate(manifest, version, strict=True)
    refer_to_one_another(manifests)
    return manifests


def refer_to_one_another(manifests: list[dict]) -> None:
    """What is selected is there, and whoever is called by a name has it."""
    pods = [workload["spec"]["template"]["metadata"]["labels"] for workload in workloads(manifests)]
    services = {manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "Service"}
    assert len({(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}) == len(manifests)
    for manifest in manifests:
        selector = manifest.get("spec", {}).get("selector", {})
        selector = selector.get("matchLabels", selector)
        assert any(selector.items() <= labels.items() for labels in pods), (manifest["kind"], selector)
    text = yaml.safe_dump_all(manifests)
    called = set(re.findall(r"http://(?:[a-z0-9-]+\.)?([a-z-]+):7700", text))
    called |= {workload["spec"].get("serviceName") for workload in workloads(manifests)} - {None}
    for ingress in (manifest for manifest in manifests if manifest["kind"] == "Ingress"):
        called |= {path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    for pod in (manifest for manifest in manifests if manifest["kind"] == "Pod"):
        called |= set(pod["spec"]["containers"][0]["command"][4:])
    assert called <= services, called - services


def same_settings(binary: str, schema: dict) -> None:
    """The binary names what it knows in a section when it is given a key that it does not know."""
    for section, known in sections(schema).items():
        variables = {f"WATCHBELL__{section.replace('.', '__').upper()}__NONSENSE": "1"}
        with tempfile.TemporaryDirectory() as directory:
            command = [binary, "serve", "--data-dir", directory, "--listen", "127.0.0.1:0"]
            refused = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **variables})
        said = re.search(r"nonsense` .*: unknown; known are (.*)", refused.stderr)
        assert refused.returncode and said, f"{section}: {refused.stderr}"
        differ = set(said[1].split(", ")) - NOT_IN_VALUES.get(section, set()) ^ known
        assert not differ, f"[{section}]: the binary and the chart's schema do not agree on {differ}"


def sections(schema: dict, path: str = "") -> dict[str, set[str]]:
    if schema.get("$ref") == "#/definitions/pool":
        return {path: {"pool_size"}}
    if "properties" not in schema:
        return {}
    found = {path: set(schema["properties"])} if path else {}
    for name, inner in schema["properties"].items():
        found |= sections(inner, f"{path}.{name}".lstrip("."))
    return found


def secrets_are_nowhere_else(manifests: list[dict]) -> None:
    secrets = {value for manifest in manifests if manifest["kind"] == "Secret" for value in opened(manifest).values()}
    others = json.dumps([manifest for manifest in manifests if manifest["kind"] != "Secret"])
    assert not [secret for secret in secrets if json.dumps(secret)[1:-1] in others], "a secret shows"


def serves(binary: str, workload: dict, manifests: list[dict]) -> None:
    """Starts the container with its arguments and its environment, on a database and at a port of this machine."""
    container = workload["spec"]["template"]["spec"]["containers"][0]
    probes = {container[probe]["httpGet"]["path"] for probe in ["startupProbe", "readinessProbe", "livenessProbe"]}
    with tempfile.TemporaryDirectory() as directory:
        variables = environment(container, manifests)
        if "WATCHBELL__DATABASE__URL" in variables:
            variables["WATCHBELL__DATABASE__URL"] = f"sqlite:{directory}/bell.db"
        if "WATCHBELL__EGRESS__CA_FILE" in variables:
            variables["WATCHBELL__EGRESS__CA_FILE"] = certifi.where()
        places = {"--listen": "127.0.0.1:0", "--data-dir": directory}
        variables["WATCHBELL__SERVER__ADMIN_ADDRESS"] = "127.0.0.1:0"
        flags = (argument.split("=", 1) for argument in container["args"])
        arguments = ["=".join([flag, *(places.get(flag, value) for value in values)]) for flag, *values in flags]
        command = [binary, *arguments]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"RUST_LOG": "error", **variables})
        try:
            said = re.match(r"watchbell serves .* at (http://.*)", server.stdout.readline())
            assert said, f"{workload['metadata']['name']} does not start"
            operators = re.match(r"metrics and readiness for operators at (http://.*)", server.stdout.readline())
            # Nothing of the others runs here, and who has not reached Config is not ready.
            waits = {"/readyz"} if any("PEERS" in variable for variable in variables) else set()
            for url in [*(said[1] + probe for probe in probes - waits), operators[1] + "/metrics"]:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    assert answer.status == 200, url
            if not waits:
                ready_by_helm_test(manifests, said[1])
            if "WATCHBELL__KEYS__ADMIN" in variables:
                assert not pathlib.Path(directory, "admin.key").exists(), "a key was made although one is given"
        finally:
            server.kill()
            server.wait()


def environment(container: dict, manifests: list[dict]) -> dict[str, str]:
    settings = next(manifest for manifest in manifests if manifest["kind"] == "ConfigMap")
    assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    secrets = {manifest["metadata"]["name"]: opened(manifest) for manifest in manifests if manifest["kind"] == "Secret"}
    variables = dict(settings["data"])
    for variable in container["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if not reference:
            variables[variable["name"]] = variable["value"]
        elif not reference.get("optional") or reference["key"] in secrets.get(reference["name"], {}):
            variables[variable["name"]] = secrets[reference["name"]][reference["key"]]
    return variables


def opened(secret: dict) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def workloads(manifests: list[dict]) -> list[dict]:
    return [manifest for manifest in manifests if manifest["kind"] in {"Deployment", "StatefulSet"}]


def kinds(manifests: list[dict]) -> set[str]:
    return {manifest["kind"] for manifest in manifests}


if __name__ == "__main__":
    main(*sys.argv[1:])
