"""What tests with a second AWS need."""

import logging
import random

import pytest

import remains
import stack
from account import Server
from database import Database

# One line for each call is too many.
logging.getLogger("werkzeug").setLevel(logging.ERROR)


@pytest.fixture(scope="session")
def server():
    """The server of moto."""
    with Server() as account:
        yield account


@pytest.fixture(scope="session")
def database():
    """The MySQL server."""
    return Database()


@pytest.fixture
def account(server, database):
    """An account with nothing in it but what an environment offers."""
    server.renew()
    server.offer_an_environment(database)
    return server


@pytest.fixture
def tenant(database):
    """The id of a tenant that has never been there. Nothing of it outlives the test, which the database server does."""
    chosen = f"{random.randrange(10**11, 10**12)}"
    yield chosen
    database.forget(chosen)


@pytest.fixture
def files(tmp_path):
    """The directory of the tenants' files."""
    directory = tmp_path / "wordpress"
    directory.mkdir()
    return directory


@pytest.fixture
def deployed(account, database, files):
    """The functions and the state machines of tenant management."""
    return stack.deploy(account, database, files)


@pytest.fixture
def functions(deployed):
    """The functions of the stack."""
    return deployed[0]


@pytest.fixture
def machines(deployed):
    """The state machines of the stack."""
    return deployed[1]


@pytest.fixture
def provisioned(machines, tenant):
    """What provision-tenant says of a new tenant."""
    return machines.run("dev-provision-tenant", {"tenant_id": tenant})


@pytest.fixture
def left(account, database, tenant):
    """Says what there is of the tenant."""
    return lambda: remains.of_tenant(account, database, tenant)
