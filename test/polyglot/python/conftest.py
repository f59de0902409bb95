import uuid
from collections.abc import Iterator

import pytest

from client import Client
from server_process import ServerProcess


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """The server that all tests share, each with services of its own."""
    with ServerProcess() as process:
        yield process


@pytest.fixture
def own_server() -> Iterator[ServerProcess]:
    """A server for one test alone, which may stop it."""
    with ServerProcess() as process:
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.address) as connected:
        yield connected


@pytest.fixture
def service() -> str:
    """The name of a service that nobody else uses."""
    return f"payments-{uuid.uuid4().hex}"
