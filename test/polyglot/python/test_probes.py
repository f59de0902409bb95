import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from client import TIMEOUT_S, Client
from server_process import ServerProcess

SERVICES = ["", "rollcall.v1.RegistryService", "rollcall.v1.DiscoveryService"]

PYTHON_PROBE = (sys.executable, str(Path(__file__).parent / "health_probe.py"))


def built(name: str) -> Path:
    """A program that test/polyglot/run has built, or a skip that says that it could not."""
    path = Path(os.environ["ROLLCALL_POLYGLOT_BIN"]) / name
    if not path.exists():
        pytest.skip(f"{name} could not be built here")
    return path


@pytest.fixture(params=["grpc_health_probe", "its equivalent in Python"])
def probe(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param == "grpc_health_probe":
        return (str(built("grpc-health-probe")),)
    return PYTHON_PROBE


def exit_code(probe: tuple[str, ...], server: ServerProcess, service: str) -> int:
    command = [*probe, f"-addr={server.address}", f"-service={service}"]
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False).returncode


def test_a_health_probe_succeeds_for_the_server_and_each_service_until_the_server_ends(
    probe: tuple[str, ...], own_server: ServerProcess
):
    assert {service: exit_code(probe, own_server, service) for service in SERVICES} == dict.fromkeys(SERVICES, 0)
    assert exit_code(probe, own_server, "rollcall.v1.NoSuchService") != 0

    own_server.terminate()
    assert own_server.wait() == 0

    assert all(exit_code(probe, own_server, service) != 0 for service in SERVICES)


def test_health_can_be_listed_and_watched_and_says_so_when_the_server_goes(own_server: ServerProcess):
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    with Client(own_server.address) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        listed = health.List(health_pb2.HealthListRequest(), timeout=TIMEOUT_S)
        assert {service: each.status for service, each in listed.statuses.items()} == dict.fromkeys(SERVICES, serving)

        statuses = health.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert next(statuses).status == serving
        own_server.terminate()
        assert next(statuses).status == not_serving
        assert own_server.wait() == 0


class Grpcurl:
    """grpcurl against one server: it knows nothing of Rollcall but what reflection tells."""

    def __init__(self, server: ServerProcess) -> None:
        self._program = built("grpcurl")
        self._address = server.address

    def __call__(self, *arguments: str, **request: object) -> str:
        command = [self._program, "-plaintext", *(["-d", json.dumps(request)] if request else []), self._address]
        run = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def call(self, method: str, **request: object) -> dict:
        return json.loads(self(method, **request))


@pytest.fixture
def grpcurl(server: ServerProcess) -> Grpcurl:
    return Grpcurl(server)


def test_grpcurl_lists_the_services_and_their_methods_by_reflection(grpcurl: Grpcurl):
    assert {
        "grpc.health.v1.Health",
        "rollcall.v1.DiscoveryService",
        "rollcall.v1.RegistryService",
    } <= set(grpcurl("list").split())
    assert set(grpcurl("list", "rollcall.v1.RegistryService").split()) == {
        f"rollcall.v1.RegistryService.{method}"
        for method in ["Deregister", "KeepAlive", "Register", "Renew", "UpdateEndpoint"]
    }


def test_grpcurl_describes_every_message_that_the_services_use(grpcurl: Grpcurl):
    endpoint = grpcurl("describe", "rollcall.v1.Endpoint")
    for line in ["repeated .rollcall.v1.Address addresses = 4;", "map<string, string> labels = 7;"]:
        assert line in endpoint
    # These live in files of their own, which reflection has to resolve as imports.
    for imported in ["rollcall.v1.Selector", "google.protobuf.Duration", "google.protobuf.FieldMask"]:
        assert f"{imported} is a message" in grpcurl("describe", imported)


def test_grpcurl_registers_and_lists_with_json(grpcurl: Grpcurl, service: str):
    registered = grpcurl.call(
        "rollcall.v1.RegistryService/Register",
        endpoint={"service": service, "id": "a", "addresses": [{"host": "10.0.0.7", "port": 443}]},
        ttl="30s",
    )
    assert registered["ttl"] == "30s"
    assert int(registered["leaseId"]) > 0

    listed = grpcurl.call(
        "rollcall.v1.DiscoveryService/ListEndpoints", service=service, min_token=registered["resumeToken"]
    )
    assert listed["endpoints"] == [registered["endpoint"]]
    assert listed["endpoints"][0]["health"] == "HEALTH_HEALTHY"
