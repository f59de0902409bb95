from collections.abc import Callable

import grpc
import pytest

from call_error import CallError, call_error
from client import TIMEOUT_S, Client, duration
from rollcall.v1 import discovery_pb2, endpoint_pb2, registry_pb2, selector_pb2

# A field of five bytes, of which none follow.
NOT_A_MESSAGE = b"\x0a\x05"

HERE = endpoint_pb2.Address(host="127.0.0.1", port=8080)


def refused(call: Callable[[], object]) -> CallError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = call_error(caught.value)
    assert error.domain == "rollcall"
    return error


def test_every_bad_field_of_a_registration_is_named_at_once(client: Client):
    request = registry_pb2.RegisterRequest(
        endpoint=endpoint_pb2.Endpoint(
            namespace="Not A Namespace",
            id="a/b",
            addresses=[HERE, endpoint_pb2.Address(host="127.0.0.1", port=65536)],
            weight=70_000,
            health=endpoint_pb2.HEALTH_SUSPECT,
        ),
        ttl=duration(0.5),
    )

    error = refused(lambda: client.registry.Register(request, timeout=TIMEOUT_S))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(error.fields) == {
        "endpoint.namespace",
        "endpoint.service",
        "endpoint.id",
        "endpoint.addresses[1].port",
        "endpoint.weight",
        "endpoint.health",
        "ttl",
    }
    assert all(error.fields.values())


def test_a_bad_selector_ends_a_watch_with_the_path_of_what_is_wrong_in_it(client: Client, service: str):
    selector = selector_pb2.Selector(label_requirements=[selector_pb2.LabelRequirement(key="track")])

    with client.watch(service, selector=selector) as watch:
        error = refused(watch.next)

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(error.fields) == {"selector.label_requirements[0].operator"}


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("resume_token", lambda client, service: client.watch(service, resume_token="made up").next()),
        ("min_token", lambda client, service: client.list_endpoints(service, min_token="made up")),
        ("page_token", lambda client, service: client.list_endpoints(service, page_token="made up")),
    ],
)
def test_a_token_that_no_server_made_is_refused(
    client: Client, service: str, field: str, call: Callable[[Client, str], object]
):
    error = refused(lambda: call(client, service))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TOKEN")
    assert set(error.fields) == {field}


def test_an_update_of_what_is_not_there_is_not_found(client: Client, service: str):
    registered = client.register(service, "a")
    client.deregister(registered)

    error = refused(lambda: client.update(registered, ["weight"], weight=1))

    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "ENDPOINT_NOT_FOUND")


def test_an_update_of_a_field_that_cannot_change_names_the_path(client: Client, service: str):
    registered = client.register(service, "a")

    error = refused(lambda: client.update(registered, ["weight", "addresses"], weight=1))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(error.fields) == {"update_mask.paths[1]"}


def test_too_many_leases_in_one_message_end_the_stream_with_the_field(client: Client):
    with client.keep_alive() as stream:
        error = refused(lambda: stream.renew(*range(1, 1002)))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(error.fields) == {"lease_ids"}


def test_bytes_that_are_no_message_are_refused_by_name_on_a_call_and_on_a_stream(client: Client):
    register = client.channel.unary_unary("/rollcall.v1.RegistryService/Register")
    watch = client.channel.unary_stream("/rollcall.v1.DiscoveryService/Watch")

    for call in (
        lambda: register(NOT_A_MESSAGE, timeout=TIMEOUT_S),
        lambda: next(watch(NOT_A_MESSAGE, timeout=TIMEOUT_S)),
    ):
        error = refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")


def test_a_client_that_was_refused_can_go_on(client: Client, service: str):
    refused(lambda: client.register("", "a"))

    assert client.register(service, "a").endpoint.id == "a"
    assert isinstance(client.list_endpoints(service), discovery_pb2.ListEndpointsResponse)
