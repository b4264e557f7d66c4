"""Rules as a resource of Kubernetes."""

from __future__ import annotations

import json

import pytest
import yaml

from pegboard_dashboards import SLO, PrometheusRule, Thresholds, rule_groups, write_rules

SLOS = [SLO("fetch", 99.9, latency=0.5, fresh="26h"), SLO("Läden: 'auf' {{ x }}\n")]


def read(text, groups):
    """Parse a resource, and look at its frame."""
    resource = yaml.safe_load(text)
    assert list(resource) == ["apiVersion", "kind", "metadata", "spec"]
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"] == {"groups": groups}
    return resource["metadata"]


def test_it_holds_the_groups_that_files_hold(tmp_path):
    """Those of the recording rules, of the alerts with their thresholds, and of objectives; all that YAML reads back."""
    thresholds = Thresholds(stuck="15m")
    paths = write_rules(tmp_path / "files", thresholds, SLOS)
    in_files = [
        group
        for path in paths
        if "example" not in path.name
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    (path,) = write_rules(tmp_path / "resource", thresholds, SLOS, kubernetes=PrometheusRule())
    assert path.name == "pegboard-prometheusrule.yml"
    assert read(path.read_text(), in_files) == {"name": "pegboard"}


def test_prometheus_takes_its_groups(tmp_path, promtool):
    """As the operator writes them into a file."""
    text = PrometheusRule().to_yaml(rule_groups(slos=SLOS))
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps(yaml.safe_load(text)["spec"]))
    assert "SUCCESS" in promtool("check", "rules", str(path))


def test_a_prometheus_finds_it_by_name_namespace_and_labels():
    """Texts all of them, whatever YAML would take them for."""
    labels = {"release": "kube-prometheus-stack", "example.com/on": "true", "on": "1", "1": "", "n": "null"}
    resource = PrometheusRule(name="pegboard.shop-1", namespace="monitoring", labels=labels)
    found = read(resource.to_yaml([]), None)
    assert found == {"name": "pegboard.shop-1", "namespace": "monitoring", "labels": labels}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "Pegboard"}, "name: 'Pegboard'"),
        ({"name": ""}, "name: ''"),
        ({"name": "a" * 254}, "name: "),
        ({"name": "a.-b"}, "name: "),
        ({"namespace": "a.b"}, "namespace: 'a.b'"),
        ({"namespace": "a" * 64}, "namespace: "),
        ({"labels": {"a b": "c"}}, "labels: 'a b'"),
        ({"labels": {"/a": "c"}}, "labels: '/a'"),
        ({"labels": {1: "c"}}, "labels: 1"),
        ({"labels": {"a": "b c"}}, "a has the value 'b c'"),
        ({"labels": {"a": 1}}, "a has the value 1"),
        ({"labels": {"a": "b\n"}}, "a has the value"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(settings, said):
    """Where it is written."""
    with pytest.raises(ValueError, match=r"^(name|namespace|labels): ") as caught:
        PrometheusRule(**settings)
    assert said in str(caught.value)


def test_groups_of_one_name_are_refused():
    """Kubernetes takes a resource with them, and the operator does not."""
    slo = SLO("fetch")
    with pytest.raises(ValueError, match="one name"):
        PrometheusRule().to_yaml([*slo.groups(), *slo.groups()])


@pytest.mark.parametrize(
    ("slo", "name"),
    [
        (SLO("shop.Load_orders", latency=2.5), "pegboard-slo-shop-load-orders-2-5s"),
        (SLO("ä"), "pegboard-slo-task"),
        (SLO("x" * 300), "pegboard-slo-" + 240 * "x"),
    ],
)
def test_an_objective_has_a_name_that_kubernetes_takes(slo, name):
    """Made from its own."""
    assert PrometheusRule(name=slo.resource_name).name == name
