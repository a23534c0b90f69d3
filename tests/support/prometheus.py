"""A real Prometheus that scrapes what a composed ServiceMonitor says, as its operator would."""

import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from function.call import Manifest
from tests.support import tools
from tests.support.kubelet import secret_data
from tests.support.processes import free_port

INSTALL = "install Debian's package prometheus"
_PATIENCE = 30


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What promtool says to these arguments."""
    command = [tools.find("promtool", INSTALL), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def check_alerts(rules: Manifest, tests: Path, folder: Path) -> None:
    """Checks rules, and that they fire as promtool's tests of them say.

    Args:
        rules: the rules, as Prometheus takes them in a file.
        tests: promtool's tests, of a file `rules.yaml` beside them.
        folder: where files may be written.
    """
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    shutil.copy(tests, folder / "tests.yaml")
    for what, file in (("check", "rules.yaml"), ("test", "tests.yaml")):
        done = promtool(what, "rules", folder / file)
        assert done.returncode == 0, done.stdout + done.stderr


def scrape_config(monitor: Manifest, service: Manifest, secrets: list[Manifest]) -> Manifest:
    """What the Prometheus operator makes of a ServiceMonitor that selects this Service.

    The Service's pods are this machine's: they listen on the container's port.
    """
    wanted, labels = monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]
    assert wanted.items() <= labels.items()
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = (p for p in service["spec"]["ports"] if p["name"] == endpoint["port"])
    ref = endpoint["authorization"]["credentials"]
    (secret,) = (s for s in secrets if s["metadata"]["name"] == ref["name"])
    metadata = service["metadata"]
    config: Manifest = {
        "job_name": metadata["name"],
        "metrics_path": endpoint["path"],
        "authorization": {"type": "Bearer", "credentials": secret_data(secret)[ref["key"]]},
        "static_configs": [
            {
                "targets": [f"127.0.0.1:{port['port']}"],
                "labels": {
                    "namespace": metadata["namespace"],
                    "service": metadata["name"],
                    "endpoint": port["name"],
                    "pod": "gw-0",
                    **{
                        re.sub(r"[^a-zA-Z0-9_]", "_", label): labels[label]
                        for label in monitor["spec"]["targetLabels"]
                    },
                },
            }
        ],
    }
    for theirs, ours in (("interval", "scrape_interval"), ("scrapeTimeout", "scrape_timeout")):
        if theirs in endpoint:
            config[ours] = endpoint[theirs]
    return config


class Prometheus:
    """A server that runs."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401
        """The data that its API answers with."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)["data"]

    def target(self) -> Mapping[str, Any]:
        """The one target, once it has been scraped."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            (target,) = self.get("targets")["activeTargets"] or [{"health": "unknown"}]
            if target["health"] != "unknown":
                found: Mapping[str, Any] = target
                return found
            time.sleep(0.1)
        raise AssertionError("it is not scraped")

    def query(self, expression: str) -> list[Mapping[str, Any]]:
        """The series that an expression gives, once there are any."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            found: list[Mapping[str, Any]] = self.get("query", query=expression)["result"]
            if found:
                return found
            time.sleep(0.1)
        return []


@contextmanager
def scraping(config: Manifest) -> Iterator[Prometheus]:
    """A Prometheus with one scrape configuration."""
    program, port = tools.find("prometheus", INSTALL), free_port()
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        folder = Path(name)
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump({"scrape_configs": [config]}))
        command = [
            str(program),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            _wait_until_ready(prometheus, process, folder / "log")
            yield prometheus
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(prometheus: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            prometheus.get("status/runtimeinfo")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"Prometheus does not start:\n{log.read_text()}")
