"""A small Rollcall client, made from proto/ and nothing else of Rollcall."""

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

import grpc
from google.protobuf import duration_pb2

from rollcall.v1 import discovery_pb2, discovery_pb2_grpc, endpoint_pb2, registry_pb2, registry_pb2_grpc
from view import View

# Far above what any call takes on one machine: it ends one that hangs.
TIMEOUT_S = 20


class Client:
    """One connection to one server."""

    def __init__(self, address: str) -> None:
        # A pool of its own: closing this client closes its connection, and a restarted server is dialled at once.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100)]
        self.channel = grpc.insecure_channel(address, options)
        self.registry = registry_pb2_grpc.RegistryServiceStub(self.channel)
        self.discovery = discovery_pb2_grpc.DiscoveryServiceStub(self.channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def register(
        self, service: str, endpoint_id: str, *, ttl_s: float = 60, request_id: str = "", **endpoint: object
    ) -> registry_pb2.RegisterResponse:
        wanted = endpoint_pb2.Endpoint(service=service, id=endpoint_id, **endpoint)
        if not wanted.addresses:
            wanted.addresses.add(host="127.0.0.1", port=8080)
        request = registry_pb2.RegisterRequest(endpoint=wanted, ttl=duration(ttl_s), request_id=request_id)
        return self.registry.Register(request, timeout=TIMEOUT_S)

    def update(
        self, registered: registry_pb2.RegisterResponse, paths: Iterable[str], **changes: object
    ) -> registry_pb2.UpdateEndpointResponse:
        endpoint = registered.endpoint
        request = registry_pb2.UpdateEndpointRequest(
            endpoint=endpoint_pb2.Endpoint(
                namespace=endpoint.namespace, service=endpoint.service, id=endpoint.id, **changes
            ),
            lease_id=registered.lease_id,
        )
        request.update_mask.paths.extend(paths)
        return self.registry.UpdateEndpoint(request, timeout=TIMEOUT_S)

    def deregister(self, registered: registry_pb2.RegisterResponse) -> registry_pb2.DeregisterResponse:
        endpoint = registered.endpoint
        request = registry_pb2.DeregisterRequest(
            namespace=endpoint.namespace,
            service=endpoint.service,
            endpoint_id=endpoint.id,
            lease_id=registered.lease_id,
        )
        return self.registry.Deregister(request, timeout=TIMEOUT_S)

    def renew(self, *lease_ids: int) -> list[registry_pb2.LeaseRenewal]:
        request = registry_pb2.RenewRequest(lease_ids=lease_ids)
        return list(self.registry.Renew(request, timeout=TIMEOUT_S).results)

    def keep_alive(self) -> "KeepAlive":
        return KeepAlive(self)

    def watch(self, service: str, view: View | None = None, **request: object) -> "Watch":
        """Watches into `view`, and resumes from its token if it has one."""
        return Watch(self, service, view or View(), **request)

    def list_endpoints(self, service: str, **request: object) -> discovery_pb2.ListEndpointsResponse:
        wanted = discovery_pb2.ListEndpointsRequest(service=service, **request)
        return self.discovery.ListEndpoints(wanted, timeout=TIMEOUT_S)


class KeepAlive:
    """One KeepAlive stream: each request is answered by one response, in order."""

    def __init__(self, client: Client) -> None:
        self._requests: SimpleQueue[registry_pb2.KeepAliveRequest | None] = SimpleQueue()
        self._responses = client.registry.KeepAlive(iter(self._requests.get, None), timeout=TIMEOUT_S)

    def __enter__(self) -> "KeepAlive":
        return self

    def __exit__(self, *_: object) -> None:
        self._requests.put(None)

    def send(self, *lease_ids: int) -> None:
        self._requests.put(registry_pb2.KeepAliveRequest(lease_ids=lease_ids))

    def receive(self) -> list[registry_pb2.LeaseRenewal]:
        return list(next(self._responses).results)

    def renew(self, *lease_ids: int) -> list[registry_pb2.LeaseRenewal]:
        self.send(*lease_ids)
        return self.receive()


class Watch:
    """One Watch stream. Every message that is read goes through its view, which checks it."""

    def __init__(self, client: Client, service: str, view: View, **request: object) -> None:
        self.view = view
        request.setdefault("resume_token", view.resume_token)
        wanted = discovery_pb2.WatchRequest(service=service, **request)
        self._responses = client.discovery.Watch(wanted, timeout=TIMEOUT_S)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def next(self) -> discovery_pb2.WatchResponse:
        """The next message, after the view has taken it in."""
        message = next(self._responses)
        self.view.apply(message)
        return message

    def until(self, wanted: Callable[[discovery_pb2.WatchResponse], bool]) -> discovery_pb2.WatchResponse:
        """Reads on to the first message that is wanted."""
        while not wanted(message := self.next()):
            pass
        return message

    def next_change(self) -> discovery_pb2.WatchResponse:
        """The next message that is not a checkpoint."""
        return self.until(lambda message: message.WhichOneof("event") != "checkpoint")

    def disconnect(self) -> None:
        self._responses.cancel()


class Every:
    """Calls something at an interval, on a thread of its own, until it is left. What it raises is raised there."""

    def __init__(self, interval_s: float, call: Callable[[], object]) -> None:
        self._call = call
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Every":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._call()
                self._stop.wait(self._interval_s)
        except Exception as error:  # Told to the thread that waits for this one.
            self._failure = error


def duration(seconds: float) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))
