"""The files of `deploy/` fit each other, the settings, and what they are read by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NAMED = re.compile(r"WASTE_ASSETS_[A-Z_]+")


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def known_variables() -> set[str]:
    """Those that the code reads, and those that Dagster reads for it."""
    found = {"WASTE_ASSETS_DAGSTER_DB", "WASTE_ASSETS_BROKER"}
    for module in (ROOT / "waste_assets").rglob("*.py"):
        found |= set(re.findall(r'"(WASTE_ASSETS_[A-Z_]+)"', module.read_text("utf-8")))
    return found


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_variable_is_one_that_is_read(path: Path) -> None:
    assert set(NAMED.findall(path.read_text("utf-8"))) <= known_variables()


def test_dagster_reads_the_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_celery")
    from dagster._core.instance.ref import InstanceRef

    monkeypatch.setenv("WASTE_ASSETS_BROKER", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("WASTE_ASSETS_DAGSTER_DB", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    ref = InstanceRef.from_dir(str(tmp_path))
    launcher = ref.run_launcher
    assert type(launcher).__name__ == "WatchedCeleryRunLauncher"
    assert launcher.celery.conf.broker_url == "redis://127.0.0.1:1/0"
    assert launcher.celery.conf.worker_prefetch_multiplier == 1
    assert ref.storage_data and ref.storage_data.class_name == "DagsterPostgresStorage"
    assert ref.settings["telemetry"] == {"enabled": False}
    assert ref.settings["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_the_services_fit_the_instance_and_each_other() -> None:
    composed, instance = read("docker-compose.yml"), read("dagster.yaml")
    services = composed["services"]
    workers = services["worker"]
    assert workers["deploy"]["replicas"] == instance["concurrency"]["runs"]["max_concurrent_runs"]
    publishing = instance["run_launcher"]["config"]["publish_queue"]
    assert f"--queues=dagster,{publishing}" in workers["command"]
    wanted = {"WASTE_ASSETS_DAGSTER_DB", "WASTE_ASSETS_BROKER", "WASTE_ASSETS_DAYS_A_RUN"}
    for name in ("webserver", "daemon", "worker"):
        assert wanted <= services[name]["environment"].keys()
        assert set(services[name]["depends_on"]) <= services.keys()
    for service in services.values():
        assert set(service["networks"]) <= composed["networks"].keys()
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert {name for name in named if name[0] != "."} <= composed["volumes"].keys()
        assert all((DEPLOY / name).exists() for name in named if name[0] == ".")


def test_nothing_is_reached_from_outside_the_machine() -> None:
    composed = read("docker-compose.yml")
    for name, service in composed["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert "privileged" not in service and service.get("network_mode") is None
    assert composed["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert composed["services"][name]["networks"] == ["inside"]
        assert "ports" not in composed["services"][name]


def test_every_setting_of_the_services_has_a_default_or_stands_in_the_example() -> None:
    given = {
        line.partition("=")[0]
        for line in (DEPLOY / "env.example").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    text = (DEPLOY / "docker-compose.yml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) <= given
    assert given <= set(re.findall(r"\$\{(\w+)", text))
    assert re.findall(r"\$\{\w+\}", text) == []


def test_the_image_is_made_of_files_that_are_there_and_runs_as_nobody() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied = [
        source
        for line in lines
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    # `make lock` makes it.
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in let_in, source
    assert any("--require-hashes" in line for line in lines)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users and int(users[-1]) > 0


#: What the classes know from which Dagster makes its chart's schema (helm/dagster/schema): of each
#: part that is given here its fields. Those that are marked there refuse any other.
CHART: dict[str, set[str]] = {
    "": {
        "dagsterWebserver", "dagster-user-deployments", "postgresql",
        "generatePostgresqlPasswordSecret", "generateCeleryConfigSecret", "rabbitmq", "redis",
        "flower", "ingress", "imagePullSecrets", "computeLogManager", "scheduler", "runLauncher",
        "pythonLogs", "dagsterDaemon", "busybox", "migrate", "telemetry", "serviceAccount",
        "global", "retention", "concurrency", "additionalInstanceConfig",
    },
    "dagster-user-deployments": {"enabled", "enableSubchart", "imagePullSecrets", "deployments"},
    "runLauncher": {"type", "config"},
    "dagsterDaemon": {"enabled", "image", "runCoordinator", "runMonitoring", "runRetries"},
    "concurrency": {"enabled", "pools", "runs"},
    "postgresql": {
        "postgresqlScheme", "image", "enabled", "postgresqlHost", "postgresqlUsername",
        "postgresqlPassword", "postgresqlDatabase", "postgresqlParams", "service",
    },
}  # fmt: skip
DEPLOYMENT = {
    "name", "image", "port", "dagsterApiGrpcArgs", "codeServerArgs", "includeConfigInLaunchedRuns",
    "env", "envConfigMaps", "envSecrets", "podSecurityContext", "securityContext", "resources",
    "volumeMounts", "volumes",
}  # fmt: skip
K8S_LAUNCHER = {
    "image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig", "kubeconfigFile",
    "envConfigMaps", "envSecrets", "envVars", "volumeMounts", "volumes", "labels",
    "failPodOnRunFailure",
}  # fmt: skip


def test_the_values_are_those_that_the_chart_knows() -> None:
    values = read("helm-values.yaml")
    for part, fields in CHART.items():
        assert set(values[part] if part else values) <= fields, part
    for deployment in values["dagster-user-deployments"]["deployments"]:
        assert set(deployment) <= DEPLOYMENT
        mounted = {mount["name"] for mount in deployment["volumeMounts"]}
        assert mounted == {volume["name"] for volume in deployment["volumes"]}
    assert values["runLauncher"]["type"] == "K8sRunLauncher"
    assert set(values["runLauncher"]["config"]) == {"k8sRunLauncher"}
    assert set(values["runLauncher"]["config"]["k8sRunLauncher"]) <= K8S_LAUNCHER


def test_the_values_say_what_the_instance_says() -> None:
    values, instance = read("helm-values.yaml"), read("dagster.yaml")
    pools, of_values = instance["concurrency"]["pools"], values["concurrency"]["pools"]
    assert (pools["default_limit"], pools["granularity"]) == (
        of_values["defaultLimit"],
        of_values["granularity"],
    )
    daemon = values["dagsterDaemon"]
    for name, key in (("run_monitoring", "runMonitoring"), ("run_retries", "runRetries")):
        assert {_snake(one): value for one, value in daemon[key].items()} == instance[name]


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
