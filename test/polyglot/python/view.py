"""What a watcher knows of a service: the fold of the messages it was sent."""

from digest import view_digest
from rollcall.v1 import discovery_pb2, endpoint_pb2


class BrokenPromise(AssertionError):
    """A message that discovery.proto says cannot be."""


class View:
    """A service's endpoints at one revision. Every message that is applied is checked against what Watch promises."""

    def __init__(self) -> None:
        self.endpoints: dict[str, endpoint_pb2.Endpoint] = {}
        self.resume_token = ""
        self.revision = 0
        self._chunks: list[discovery_pb2.WatchResponse] = []

    @property
    def digest(self) -> int:
        return view_digest(self.endpoints.values())

    def apply(self, message: discovery_pb2.WatchResponse) -> None:
        """Takes one message in. Raises BrokenPromise, with the view as it was, if it breaks one."""
        kind = message.WhichOneof("event")
        if kind == "snapshot":
            endpoints = self._gather(message)
            if endpoints is None:
                return
        elif self._chunks:
            raise BrokenPromise(f"a {kind} in the middle of a snapshot")
        elif kind == "delta":
            endpoints = self._after(message.delta)
        elif kind in ("checkpoint", "reconnect"):
            endpoints = self.endpoints
        else:
            raise BrokenPromise("a message without an event")
        self._check(kind, message, endpoints)
        self.endpoints = endpoints
        self.resume_token = message.resume_token
        self.revision = message.revision

    def _gather(self, message: discovery_pb2.WatchResponse) -> dict[str, endpoint_pb2.Endpoint] | None:
        """Keeps a snapshot's chunk. The endpoints of all of them once it was the last, and None before."""
        first = self._chunks[0] if self._chunks else message
        if first.revision != message.revision:
            self._chunks = []
        elif first.snapshot.reason != message.snapshot.reason:
            raise BrokenPromise("chunks of one snapshot with different reasons")
        self._chunks.append(message)
        if not message.snapshot.last:
            if message.resume_token:
                raise BrokenPromise("a token before the last chunk")
            return None
        endpoints = {endpoint.id: endpoint for chunk in self._chunks for endpoint in chunk.snapshot.endpoints}
        count = sum(len(chunk.snapshot.endpoints) for chunk in self._chunks)
        self._chunks = []
        if len(endpoints) != count:
            raise BrokenPromise("a snapshot that holds an endpoint twice")
        return endpoints

    def _after(self, delta: discovery_pb2.Delta) -> dict[str, endpoint_pb2.Endpoint]:
        endpoints = dict(self.endpoints)
        for removed in delta.removed:
            if endpoints.pop(removed.endpoint_id, None) is None:
                raise BrokenPromise(f"{removed.endpoint_id} was removed, but was not there")
        for endpoint in delta.upserted:
            endpoints[endpoint.id] = endpoint
        return endpoints

    def _check(
        self, kind: str, message: discovery_pb2.WatchResponse, endpoints: dict[str, endpoint_pb2.Endpoint]
    ) -> None:
        if not message.resume_token:
            raise BrokenPromise(f"a {kind} without a token")
        other_history = kind == "snapshot" and message.snapshot.reason == discovery_pb2.Snapshot.REASON_EPOCH_CHANGED
        if kind == "delta" and message.revision <= self.revision:
            raise BrokenPromise(f"a delta of revision {message.revision} after {self.revision}")
        if message.revision < self.revision and not other_history:
            raise BrokenPromise(f"a {kind} of revision {message.revision} after {self.revision}")
        newest = max((endpoint.mod_revision for endpoint in endpoints.values()), default=0)
        if newest > message.revision:
            raise BrokenPromise(f"an endpoint of revision {newest} in a view of revision {message.revision}")
        digest = view_digest(endpoints.values())
        if digest != message.digest:
            raise BrokenPromise(f"digest {message.digest:016x} for a view whose digest is {digest:016x}")
