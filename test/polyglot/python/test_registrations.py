import uuid

import grpc
import pytest

from call_error import call_error
from client import Client, Every
from rollcall.v1 import discovery_pb2, endpoint_pb2

UNKNOWN_LEASE = 1

TTL_S = 1


def test_a_registration_comes_back_with_its_defaults_filled_in(client: Client, service: str):
    registered = client.register(service, "", ttl_s=30)

    endpoint = registered.endpoint
    assert endpoint.namespace == "default"
    assert uuid.UUID(endpoint.id).version == 7
    assert endpoint.weight == 100
    assert endpoint.health == endpoint_pb2.HEALTH_HEALTHY
    assert endpoint.create_revision == endpoint.mod_revision > 0
    assert registered.lease_id > 0
    assert registered.ttl.ToTimedelta().total_seconds() == 30


def test_what_was_registered_is_listed_as_it_was_answered(client: Client, service: str):
    registered = client.register(
        service,
        "a",
        addresses=[endpoint_pb2.Address(host="10.0.0.7", port=443), endpoint_pb2.Address(host="fd00::7", port=443)],
        locality=endpoint_pb2.Locality(region="eu", zone="eu-1", sub_zone="rack-3"),
        weight=0,
        labels={"version": "2", "empty": ""},
        metadata={"greeting": "grüß dich 😀"},
        health=endpoint_pb2.HEALTH_DRAINING,
    )

    listed = client.list_endpoints(service, min_token=registered.resume_token)

    assert list(listed.endpoints) == [registered.endpoint]
    assert listed.endpoints[0].HasField("weight") and listed.endpoints[0].weight == 0
    assert listed.endpoints[0].metadata["greeting"] == "grüß dich 😀"


def test_a_retry_with_the_same_request_id_gets_the_same_lease(client: Client, service: str):
    first = client.register(service, "a", request_id="attempt-1")
    again = client.register(service, "a", request_id="attempt-1")

    assert again.lease_id == first.lease_id
    assert again.endpoint == first.endpoint


def test_the_lease_of_a_replaced_endpoint_can_neither_renew_nor_update_nor_remove(client: Client, service: str):
    old = client.register(service, "a", weight=1)
    new = client.register(service, "a", weight=2)

    assert new.lease_id != old.lease_id
    assert [(result.lease_id, result.found) for result in client.renew(old.lease_id, new.lease_id)] == [
        (old.lease_id, False),
        (new.lease_id, True),
    ]
    for attempt in (lambda: client.deregister(old), lambda: client.update(old, ["weight"], weight=3)):
        with pytest.raises(grpc.RpcError) as caught:
            attempt()
        assert call_error(caught.value).code == grpc.StatusCode.FAILED_PRECONDITION
        assert call_error(caught.value).reason == "LEASE_MISMATCH"
    assert [endpoint.weight for endpoint in client.list_endpoints(service).endpoints] == [2]


def test_an_update_changes_what_its_mask_names_and_nothing_else(client: Client, service: str):
    registered = client.register(service, "a", weight=1, labels={"version": "1"})

    updated = client.update(registered, ["labels"], labels={"version": "2"}, weight=9)

    assert dict(updated.endpoint.labels) == {"version": "2"}
    assert updated.endpoint.weight == 1
    assert updated.endpoint.create_revision == registered.endpoint.create_revision
    assert updated.endpoint.mod_revision > registered.endpoint.mod_revision


def test_removing_what_is_already_gone_succeeds(client: Client, service: str):
    registered = client.register(service, "a")

    client.deregister(registered)
    again = client.deregister(registered)

    assert not client.list_endpoints(service, min_token=again.resume_token).endpoints


def test_a_stream_of_renewals_answers_each_message_in_order_with_one_result_a_lease(client: Client, service: str):
    a, b = (client.register(service, endpoint_id, ttl_s=30).lease_id for endpoint_id in "ab")

    with client.keep_alive() as stream:
        stream.send(b, UNKNOWN_LEASE, a)
        stream.send(a)

        first, second = stream.receive(), stream.receive()

    assert [(result.lease_id, result.found) for result in first] == [(b, True), (UNKNOWN_LEASE, False), (a, True)]
    assert [(result.lease_id, result.found) for result in second] == [(a, True)]
    assert [result.ttl.ToTimedelta().total_seconds() for result in first] == [30, 0, 30]
    assert not first[1].HasField("ttl")


def test_endpoints_outlive_their_ttl_while_they_are_renewed_and_lapse_when_they_are_not(client: Client, service: str):
    by_stream = client.register(service, "by-stream", ttl_s=TTL_S).lease_id
    by_call = client.register(service, "by-call", ttl_s=TTL_S).lease_id

    with client.watch(service) as watch:
        assert {endpoint.id for endpoint in watch.next().snapshot.endpoints} == {"by-stream", "by-call"}

        def renew() -> None:
            assert [result.found for result in stream.renew(by_stream) + client.renew(by_call)] == [True, True]

        # A third endpoint, which is not renewed, tells the time: it is gone after a TTL, twice over.
        with client.keep_alive() as stream, Every(TTL_S / 3, renew):
            for _ in range(2):
                client.register(service, "not-renewed", ttl_s=TTL_S)
                gone = watch.until(lambda message: message.delta.removed)
                assert removals(gone) == {"not-renewed": discovery_pb2.RemovedEndpoint.REASON_EXPIRED}

        lapsed = {}
        while watch.view.endpoints:
            lapsed |= removals(watch.next())

    assert lapsed == dict.fromkeys(["by-stream", "by-call"], discovery_pb2.RemovedEndpoint.REASON_EXPIRED)
    assert [result.found for result in client.renew(by_stream, by_call)] == [False, False]


def test_pages_of_a_list_hold_each_endpoint_once_in_the_order_of_their_ids(client: Client, service: str):
    for endpoint_id in ["d", "a", "e", "c", "b"]:
        client.register(service, endpoint_id)

    pages = []
    page_token = ""
    while not pages or page_token:
        page = client.list_endpoints(service, page_size=2, page_token=page_token)
        pages.append([endpoint.id for endpoint in page.endpoints])
        page_token = page.next_page_token

    assert pages == [["a", "b"], ["c", "d"], ["e"]]


def test_services_are_listed_with_their_endpoints_counted_by_health(client: Client, service: str):
    namespace = service
    for endpoint_id, health in [
        ("a", endpoint_pb2.HEALTH_HEALTHY),
        ("b", endpoint_pb2.HEALTH_HEALTHY),
        ("c", endpoint_pb2.HEALTH_UNHEALTHY),
        ("d", endpoint_pb2.HEALTH_DRAINING),
    ]:
        client.register("checkout", endpoint_id, namespace=namespace, health=health)
    last = client.register("billing", "a", namespace=namespace)

    request = discovery_pb2.ListServicesRequest(namespace=namespace, min_token=last.resume_token)
    listed = client.discovery.ListServices(request, timeout=20)

    assert list(listed.services) == [
        discovery_pb2.ServiceSummary(namespace=namespace, service="billing", healthy=1),
        discovery_pb2.ServiceSummary(namespace=namespace, service="checkout", healthy=2, unhealthy=1, draining=1),
    ]


def removals(message: discovery_pb2.WatchResponse) -> dict[str, int]:
    return {removed.endpoint_id: removed.reason for removed in message.delta.removed}
