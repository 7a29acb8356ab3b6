"""Each service of the compose file, started with its command and its environment, serves its health and its metrics, and
what the file mounts is there. The keys are those that `keys.sh` writes, once.

    python tests/peers/compose.py target/debug/watchbell
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose"


def main(binary: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        keys = written_keys(pathlib.Path(directory))
        text = (COMPOSE / "compose.yaml").read_text()
        services = yaml.safe_load(re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", lambda found: value(found, keys), text))["services"]
        started = {name: service for name, service in services.items() if service["image"] == "watchbell"}
        assert len(started) == 6, started.keys()
        for name, service in started.items():
            serves(str(pathlib.Path(binary).resolve()), name, service, directory)
    targets = yaml.safe_load((COMPOSE / "prometheus.yaml").read_text())["scrape_configs"][0]["static_configs"][0]["targets"]
    assert {target.split(":")[0] for target in targets} == started.keys(), targets
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert not source.startswith(".") or (COMPOSE / source).exists(), f"{source} is not there"


def written_keys(directory: pathlib.Path) -> dict[str, str]:
    script = shutil.copy(COMPOSE / "keys.sh", directory)
    subprocess.run([script], check=True)
    first = (directory / ".env").read_text()
    subprocess.run([script], check=True)
    assert (directory / ".env").read_text() == first, "the keys are others at the second time"
    return dict(line.split("=", 1) for line in first.splitlines())


def value(found: re.Match, keys: dict[str, str]) -> str:
    name, kind, default = found.groups()
    return default if kind == "-" else keys[name]


def serves(binary: str, name: str, service: dict, directory: str) -> None:
    here = {
        "WATCHBELL__DATABASE__URL": f"sqlite:{directory}/{name}.db",
        "WATCHBELL__SERVER__ADDRESS": "127.0.0.1:0",
        "WATCHBELL__SERVER__ADMIN_ADDRESS": "127.0.0.1:0",
        "RUST_LOG": "error",
    }
    arguments = [argument.replace("0.0.0.0:7700", "127.0.0.1:0") for argument in service["command"]]
    environment = {key: os.environ[key] for key in ["PATH"]} | service["environment"] | here
    server = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, text=True, env=environment, cwd=directory)
    try:
        said = [re.match(r".* at (http://.*)", server.stdout.readline()) for _ in range(2)]
        assert all(said), f"{name} does not start"
        for url in [f"{said[0][1]}/healthz", f"{said[1][1]}/metrics"]:
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.status == 200, url
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
