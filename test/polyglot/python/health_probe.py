"""What grpc_health_probe does, for where it cannot be built: `health_probe.py -addr=HOST:PORT [-service=NAME]`.

Exits like it: 0 serving, 1 wrong arguments, 2 no connection, 3 the call failed, 4 not serving.
"""

import argparse
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 5


def probe(address: str, service: str) -> tuple[int, str]:
    with grpc.insecure_channel(address) as channel:
        try:
            request = health_pb2.HealthCheckRequest(service=service)
            status = health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_S).status
        except grpc.RpcError as error:
            return (2 if error.code() == grpc.StatusCode.UNAVAILABLE else 3), f"{error.code().name}: {error.details()}"
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(status)
    return (0 if name == "SERVING" else 4), f"status: {name}"


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-addr", required=True)
    parser.add_argument("-service", default="")
    try:
        arguments = parser.parse_args()
    except argparse.ArgumentError as error:
        print(error, file=sys.stderr)
        return 1
    code, said = probe(arguments.addr, arguments.service)
    print(said, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
