import math

import pytest

from client import Client
from digest import view_digest
from rollcall.v1 import discovery_pb2, endpoint_pb2, selector_pb2
from server_process import ServerProcess
from view import BrokenPromise, View

CHUNK_BYTES_MAX = 1024 * 1024

Reason = discovery_pb2.RemovedEndpoint
SnapshotReason = discovery_pb2.Snapshot


def test_a_message_that_does_not_fit_the_view_is_noticed():
    view = View()
    view.apply(
        discovery_pb2.WatchResponse(
            snapshot=discovery_pb2.Snapshot(last=True, reason=SnapshotReason.REASON_INITIAL),
            resume_token="t",
            revision=4,
        )
    )
    lost = discovery_pb2.WatchResponse(
        delta=discovery_pb2.Delta(upserted=[endpoint_pb2.Endpoint(id="a", mod_revision=6)]),
        resume_token="t",
        revision=6,
        digest=view_digest([endpoint_pb2.Endpoint(id="a", mod_revision=5)]),
    )

    with pytest.raises(BrokenPromise, match="digest"):
        view.apply(lost)


def test_a_service_that_never_existed_is_a_complete_and_empty_snapshot(client: Client, service: str):
    with client.watch(service) as watch:
        first = watch.next()

    assert first.WhichOneof("event") == "snapshot"
    assert first.snapshot.last and not first.snapshot.endpoints
    assert first.snapshot.reason == SnapshotReason.REASON_INITIAL
    assert first.digest == 0 and first.resume_token


def test_a_large_snapshot_comes_in_chunks_and_shows_when_it_is_whole(client: Client, service: str):
    large = {f"part-{index}": "x" * 16_000 for index in range(3)}
    registered = {f"e-{index:03}": client.register(service, f"e-{index:03}", metadata=large) for index in range(50)}

    with client.watch(service) as watch:
        chunks = [watch.next()]
        while not chunks[-1].snapshot.last:
            assert watch.view.endpoints == {}
            chunks.append(watch.next())

    assert len(chunks) >= math.ceil(50 * 48_000 / CHUNK_BYTES_MAX)
    assert all(chunk.ByteSize() <= CHUNK_BYTES_MAX for chunk in chunks)
    assert len({chunk.revision for chunk in chunks}) == 1
    assert not any(chunk.resume_token for chunk in chunks[:-1])
    assert watch.view.endpoints == {endpoint_id: each.endpoint for endpoint_id, each in registered.items()}


def test_a_watcher_sees_each_addition_update_and_removal_with_its_reason(client: Client, service: str):
    with client.watch(service) as watch:
        watch.next()

        added = client.register(service, "a", weight=1)
        delta = watch.next_change().delta
        assert list(delta.upserted) == [added.endpoint] and not delta.removed

        updated = client.update(added, ["weight"], weight=2)
        delta = watch.next_change().delta
        assert list(delta.upserted) == [updated.endpoint] and not delta.removed

        client.deregister(added)
        message = watch.next_change()
        assert not message.delta.upserted
        assert list(message.delta.removed) == [
            Reason(endpoint_id="a", reason=Reason.REASON_DEREGISTERED, revision=message.revision)
        ]
        assert watch.view.endpoints == {}


def test_an_endpoint_that_stops_matching_is_a_removal_and_one_that_begins_to_is_an_addition(
    client: Client, service: str
):
    stable = selector_pb2.Selector(
        label_requirements=[
            selector_pb2.LabelRequirement(
                key="track", operator=selector_pb2.LabelRequirement.OPERATOR_IN, values=["stable"]
            )
        ],
        health=[endpoint_pb2.HEALTH_HEALTHY],
    )
    client.register(service, "canary", labels={"track": "canary"})
    registered = client.register(service, "a", labels={"track": "stable"})

    with client.watch(service, selector=stable) as watch:
        assert [endpoint.id for endpoint in watch.next().snapshot.endpoints] == ["a"]

        client.update(registered, ["health"], health=endpoint_pb2.HEALTH_DRAINING)
        left = watch.next_change()
        assert [(removed.endpoint_id, removed.reason) for removed in left.delta.removed] == [
            ("a", Reason.REASON_NO_LONGER_MATCHES)
        ]

        client.update(registered, ["health"], health=endpoint_pb2.HEALTH_HEALTHY)
        assert [endpoint.id for endpoint in watch.next_change().delta.upserted] == ["a"]


def test_checkpoints_carry_the_token_of_an_idle_watch_past_the_changes_of_others(client: Client, service: str):
    client.register(service, "a")
    with client.watch(service) as watch:
        snapshot = watch.next()
        elsewhere = client.register(f"{service}-other", "a")

        checkpoint = watch.until(lambda message: message.revision >= elsewhere.endpoint.mod_revision)

        assert checkpoint.WhichOneof("event") == "checkpoint"
        assert checkpoint.digest == snapshot.digest
        assert checkpoint.resume_token != snapshot.resume_token


def test_a_watch_that_was_disconnected_resumes_and_gets_only_what_changed(client: Client, service: str):
    kept, updated, removed = (client.register(service, endpoint_id) for endpoint_id in ["kept", "updated", "removed"])
    with client.watch(service) as watch:
        watch.next()

    changed = client.update(updated, ["labels"], labels={"version": "2"})
    client.deregister(removed)
    added = client.register(service, "added")
    passing = client.register(service, "passing")
    client.deregister(passing)

    with client.watch(service, watch.view, view_digest=watch.view.digest) as resumed:
        message = resumed.next()

    assert message.WhichOneof("event") == "delta"
    assert {endpoint.id: endpoint for endpoint in message.delta.upserted} == {
        "updated": changed.endpoint,
        "added": added.endpoint,
    }
    assert [(gone.endpoint_id, gone.reason) for gone in message.delta.removed] == [
        ("removed", Reason.REASON_DEREGISTERED)
    ]
    assert watch.view.endpoints == {"kept": kept.endpoint, "updated": changed.endpoint, "added": added.endpoint}


def test_a_watch_that_missed_nothing_resumes_with_a_checkpoint(client: Client, service: str):
    client.register(service, "a")
    with client.watch(service) as watch:
        watch.next()

    with client.watch(service, watch.view, view_digest=watch.view.digest) as resumed:
        message = resumed.next()

    assert message.WhichOneof("event") == "checkpoint"


def test_a_watch_from_the_token_of_a_write_sees_the_write(client: Client, service: str):
    registered = client.register(service, "a")

    with client.watch(service, resume_token=registered.resume_token) as watch:
        watch.next()

    assert watch.view.endpoints == {"a": registered.endpoint}


def test_a_view_that_turns_out_to_be_wrong_is_replaced_by_a_snapshot(client: Client, service: str):
    registered = client.register(service, "a")
    with client.watch(service) as watch:
        watch.next()

    with client.watch(service, watch.view, view_digest=watch.view.digest ^ 1) as resumed:
        message = resumed.next()

    assert message.snapshot.reason == SnapshotReason.REASON_DRIFT
    assert watch.view.endpoints == {"a": registered.endpoint}


def test_a_token_of_another_store_gets_a_snapshot_that_says_so(client: Client, service: str, own_server: ServerProcess):
    with Client(own_server.address) as other, other.watch(service) as watch:
        watch.next()

    with client.watch(service, watch.view) as resumed:
        message = resumed.next()

    assert message.snapshot.reason == SnapshotReason.REASON_EPOCH_CHANGED
