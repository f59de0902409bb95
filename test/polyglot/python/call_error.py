"""What a failed call says: its status, and the details that travel with it."""

from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


@dataclass(frozen=True)
class CallError:
    code: grpc.StatusCode
    reason: str
    domain: str
    metadata: dict[str, str] = field(default_factory=dict)
    """The paths of the fields that a BadRequest names, and what it says of each."""
    fields: dict[str, str] = field(default_factory=dict)


def call_error(error: grpc.RpcError) -> CallError:
    """Reads ErrorInfo and BadRequest out of an error's details; nothing is ever read out of its message text."""
    status = rpc_status.from_call(error)
    if status is None:
        raise AssertionError(f"an error without details: {error}")
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    for detail in status.details:
        if not detail.Unpack(info) and not detail.Unpack(bad_request):
            raise AssertionError(f"an unknown detail: {detail.type_url}")
    return CallError(
        code=error.code(),
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        fields={violation.field: violation.description for violation in bad_request.field_violations},
    )
