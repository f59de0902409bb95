import random
import time

import grpc
import pytest

from call_error import call_error
from client import Client
from server_process import ServerProcess


def test_watchers_are_told_to_reconnect_and_resume_after_a_restart_with_only_what_changed(
    own_server: ServerProcess, service: str
):
    with Client(own_server.address) as client:
        kept = client.register(service, "kept")
        changing = client.register(service, "changing", weight=1)
        watch = client.watch(service)
        watch.next()

        own_server.terminate()

        farewell = watch.next_change()
        assert farewell.WhichOneof("event") == "reconnect"
        assert watch.view.resume_token == farewell.resume_token
        with pytest.raises(grpc.RpcError) as caught:
            watch.next()
        error = call_error(caught.value)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        assert own_server.wait() == 0

    own_server.start()
    with Client(own_server.address) as client:
        # What the message asks for: not all at once.
        delay_max_s = farewell.reconnect.delay_max.ToTimedelta().total_seconds()
        assert 0 < delay_max_s <= 60
        time.sleep(random.uniform(0, min(delay_max_s, 1)))
        assert [result.found for result in client.renew(kept.lease_id, changing.lease_id)] == [True, True]
        changed = client.update(changing, ["weight"], weight=2)

        with client.watch(service, watch.view, view_digest=watch.view.digest) as resumed:
            message = resumed.next()
            assert message.WhichOneof("event") == "delta"
            assert list(message.delta.upserted) == [changed.endpoint] and not message.delta.removed
            assert watch.view.endpoints == {"kept": kept.endpoint, "changing": changed.endpoint}

            client.deregister(kept)
            assert [removed.endpoint_id for removed in resumed.next_change().delta.removed] == ["kept"]


def test_a_stream_of_renewals_ends_with_a_reason_and_its_leases_outlive_the_restart(
    own_server: ServerProcess, service: str
):
    with Client(own_server.address) as client, client.keep_alive() as stream:
        lease_id = client.register(service, "a").lease_id
        assert [result.found for result in stream.renew(lease_id)] == [True]

        own_server.terminate()

        with pytest.raises(grpc.RpcError) as caught:
            stream.receive()
        error = call_error(caught.value)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        assert own_server.wait() == 0

    own_server.start()
    with Client(own_server.address) as client, client.keep_alive() as stream:
        assert [result.found for result in stream.renew(lease_id)] == [True]
