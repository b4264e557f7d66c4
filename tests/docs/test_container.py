"""The files of the page on containers: they are those of the page, and they fit each other."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pegboard import Prometheus
from pegboard.environment import settings_of
from pegboard.sessions.sigterm import install_sigterm

FLUSH = 5  # seconds that exporters may take after the grace
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "docs" / "examples" / "container"


@pytest.fixture(scope="module")
def resources(folder: Path) -> dict[str, Any]:
    """The resources by kind; YAML is read as Kubernetes reads it, where 0440 is octal."""
    loaded = [yaml.safe_load(path.read_text()) for path in folder.glob("*.yaml")]
    assert len({each["kind"] for each in loaded}) == len(loaded) == 3
    return {each["kind"]: each for each in loaded}


@pytest.fixture(scope="module")
def pod(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources["Deployment"]["spec"]["template"]
    return found


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["spec"]["containers"]
    return dict(found)


@pytest.fixture(scope="module")
def variables(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.fixture(scope="module")
def port(container: dict[str, Any]) -> dict[str, Any]:
    (found,) = container["ports"]
    return dict(found)


@pytest.fixture(scope="module")
def steps(folder: Path) -> list[tuple[str, str]]:
    """The instructions of the Dockerfile."""
    lines = (folder / "Dockerfile").read_text().splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def program(folder: Path) -> ast.Module:
    return ast.parse((folder / "orders.py").read_text())


def called(folder: Path, name: str) -> ast.Call:
    """The one call of a function in the program."""
    calls = [node for node in ast.walk(program(folder)) if isinstance(node, ast.Call)]
    (found,) = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == name]
    return found


def given(call: ast.Call, name: str) -> Any:
    """A keyword argument of a call."""
    (found,) = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return ast.literal_eval(found)


def test_the_page_shows_the_files(root: Path, folder: Path) -> None:
    """Each as it is, and under its name."""
    page = (root / "docs/how-to/run-in-a-container.md").read_text()
    for path in folder.iterdir():
        shown = re.search(rf"as `{re.escape(path.name)}`:\n\n```\w+\n(.*?)```\n", page, re.DOTALL)
        assert shown is not None, path.name
        assert shown[1] == path.read_text()


def test_each_setting_is_one_of_the_plugin(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And converts to what it takes; values of variables are texts for Kubernetes."""
    for name, value in variables.items():
        assert isinstance(value, str)
        monkeypatch.setenv(name, value)
    found = {keyword: each.value for keyword, each in settings_of("prometheus", Prometheus).items()}
    assert found == {
        "host": "0.0.0.0",
        "port": 9464,
        "token_file": "/run/secrets/orders-metrics/token",
        "stuck_after": 600.0,
        "ready_when": ["orders"],
    }
    assert len(found) == len(variables)


def test_the_program_attaches_what_is_set_and_has_the_name_that_is_waited_for(
    folder: Path, variables: dict[str, str]
) -> None:
    """By name, or the settings would have no effect."""
    session = called(folder, "Session")
    assert [ast.literal_eval(each) for each in session.args] == ["metrics", "prometheus"]
    assert given(session, "name") == variables["PEGBOARD_PROMETHEUS__READY_WHEN"]


def test_what_is_attached_is_installed(folder: Path) -> None:
    """With the command that the page calls in a pod."""
    (line,) = (folder / "requirements.txt").read_text().split()
    assert set(re.findall(r"\w+", line)) >= {"pegboard", "metrics", "prometheus", "cli"}


def test_ports_have_one_number_and_one_name(
    resources: dict[str, Any],
    container: dict[str, Any],
    port: dict[str, Any],
    variables: dict[str, str],
    steps: list[tuple[str, str]],
) -> None:
    """From the setting to the scrape."""
    (service,) = resources["Service"]["spec"]["ports"]
    (endpoint,) = resources["ServiceMonitor"]["spec"]["endpoints"]
    assert str(port["containerPort"]) == variables["PEGBOARD_PROMETHEUS__PORT"] == dict(steps)["EXPOSE"]
    assert service["targetPort"] == port["name"]
    assert service["port"] == port["containerPort"]
    assert endpoint["port"] == service["name"]
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]


def test_probes_ask_what_there_is(container: dict[str, Any], resources: dict[str, Any]) -> None:
    """In less time than lies between two questions; a scrape goes to the page."""
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    for probe in (container["livenessProbe"], container["readinessProbe"]):
        assert probe["timeoutSeconds"] < probe["periodSeconds"]
    assert resources["ServiceMonitor"]["spec"]["endpoints"][0]["path"] == "/metrics"


def test_selectors_choose_what_has_their_labels(resources: dict[str, Any], pod: dict[str, Any]) -> None:
    """The Deployment and the Service the pods, the ServiceMonitor the Service."""
    labels = pod["metadata"]["labels"].items()
    assert resources["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert resources["Service"]["spec"]["selector"].items() <= labels
    monitor = resources["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert monitor.items() <= resources["Service"]["metadata"]["labels"].items()


def test_the_token_is_one_secret(
    root: Path,
    pod: dict[str, Any],
    container: dict[str, Any],
    resources: dict[str, Any],
    variables: dict[str, str],
) -> None:
    """The one that the page makes, that is mounted where the setting says, and that Prometheus presents."""
    page = (root / "docs/how-to/run-in-a-container.md").read_text()
    made = re.search(r"kubectl create secret generic (\S+) --from-literal=(\w+)=", page)
    (volume,) = pod["spec"]["volumes"]
    (mount,) = container["volumeMounts"]
    (endpoint,) = resources["ServiceMonitor"]["spec"]["endpoints"]
    credentials = endpoint["authorization"]["credentials"]
    assert made is not None
    assert endpoint["authorization"]["type"] == "Bearer"
    assert (credentials["name"], credentials["key"]) == made.groups()
    assert (volume["secret"]["secretName"], volume["name"]) == (made[1], mount["name"])
    assert variables["PEGBOARD_PROMETHEUS__TOKEN_FILE"] == f"{mount['mountPath']}/{made[2]}"


def test_the_user_may_read_the_token_and_nothing_more(
    pod: dict[str, Any], container: dict[str, Any], steps: list[tuple[str, str]]
) -> None:
    """By its group; the file system cannot be written to."""
    security = pod["spec"]["securityContext"]
    ids = (security["runAsUser"], security["runAsGroup"])
    assert dict(steps)["USER"] == f"{ids[0]}:{ids[1]}"
    assert security["runAsNonRoot"]
    assert min(ids) > 1000
    assert security["fsGroup"] == security["runAsGroup"]
    assert pod["spec"]["volumes"][0]["secret"]["defaultMode"] == 0o440
    own = container["securityContext"]
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_the_end_has_the_time_it_takes(folder: Path, pod: dict[str, Any]) -> None:
    """Kubernetes kills after it."""
    grace = given(called(folder, install_sigterm.__name__), "grace")
    assert pod["spec"]["terminationGracePeriodSeconds"] >= grace + FLUSH


def test_sigterm_arrives_at_the_program(steps: list[tuple[str, str]]) -> None:
    """No shell is in between, and no other signal is sent."""
    named = dict(steps)
    assert ast.literal_eval(named["ENTRYPOINT"]) == ["python", "orders.py"]
    assert named["STOPSIGNAL"] == "SIGTERM"
    assert "CMD" not in named


def test_the_image_has_the_files_that_it_copies(folder: Path, steps: list[tuple[str, str]]) -> None:
    """Of its folder or of the stage before; what is installed comes from there, and writes no bytecode."""
    copied = [shlex.split(rest) for step, rest in steps if step == "COPY"]
    own = [words[0] for words in copied if not words[0].startswith("--from=")]
    assert own
    assert all((folder / name).is_file() for name in own)
    assert ["--from=build", "/venv", "/venv"] in copied
    assert [rest.split(" AS ")[0] for step, rest in steps if step == "FROM"] == 2 * ["python:3.13-slim"]
    assert {"PATH=/venv/bin:$PATH", "PYTHONDONTWRITEBYTECODE=1"} <= set(dict(steps)["ENV"].split())


def test_names_are_such_as_kubernetes_takes(resources: dict[str, Any], port: dict[str, Any]) -> None:
    """Lower case; of ports, 15 characters."""
    names = [each["metadata"]["name"] for each in resources.values()]
    assert all(NAME.fullmatch(name) for name in [*names, port["name"]])
    assert len(port["name"]) <= 15


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_kubernetes_knows_every_field(resources: dict[str, Any], kind: str) -> None:
    """By its own schema, and no other field; those of the operator are not among them."""
    kubernetes_validate.validate(resources[kind], "1.34", strict=True)
