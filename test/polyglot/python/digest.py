"""The digest of a view, from the description in discovery.proto alone."""

import struct
from collections.abc import Iterable

import xxhash

from rollcall.v1 import endpoint_pb2


def view_digest(endpoints: Iterable[endpoint_pb2.Endpoint]) -> int:
    """The XOR over the endpoints of xxh64, seed 0, of id, a zero byte and mod_revision as 8 bytes little-endian."""
    digest = 0
    for endpoint in endpoints:
        identity = endpoint.id.encode() + b"\0" + struct.pack("<Q", endpoint.mod_revision)
        digest ^= xxhash.xxh64_intdigest(identity, seed=0)
    return digest
