"""Fixtures for pytest.

``vsts_mock``
    A server, at its seed again for every test. One process serves the whole session.
``vsts_repo``
    A repository of its own for every test.
``vsts_mock_seed``
    The seed, a dictionary; override it in ``conftest.py``.

With ``--vsts-mock-intercept``, or ``vsts_mock_intercept = true`` in the ini file, the tests and the programs that they start reach
the server as ``https://dev.azure.com`` and ``https://ACCOUNT.visualstudio.com``, and no other host.
"""

import os

import pytest

from . import DEFAULT_SEED, start


def pytest_addoption(parser):
    group = parser.getgroup("vsts-mock")
    group.addoption(
        "--vsts-mock-intercept",
        action="store_true",
        default=None,
        help="let tests reach vsts-mock as dev.azure.com and *.visualstudio.com",
    )
    group.addoption("--vsts-mock-profile", help="the service to imitate: permissive, vsts or azure-devops")
    parser.addini("vsts_mock_intercept", "let tests reach vsts-mock as dev.azure.com", type="bool", default=False)
    parser.addini("vsts_mock_profile", "the service to imitate", default="azure-devops")


@pytest.fixture(scope="session")
def vsts_mock_seed():
    """What the server begins with."""
    return DEFAULT_SEED


@pytest.fixture(scope="session")
def vsts_mock_server(request, vsts_mock_seed):
    """The session's server."""
    option = request.config.getoption
    intercept = option("--vsts-mock-intercept")
    intercept = request.config.getini("vsts_mock_intercept") if intercept is None else intercept
    profile = option("--vsts-mock-profile") or request.config.getini("vsts_mock_profile")
    before = dict(os.environ)
    with start(vsts_mock_seed, profile=profile, intercept=intercept) as server:
        os.environ.update(server.environment)
        try:
            yield server
        finally:
            for name in server.environment:
                os.environ.pop(name, None)
                if name in before:
                    os.environ[name] = before[name]


@pytest.fixture
def vsts_mock(vsts_mock_server):
    """The session's server, at its seed again."""
    vsts_mock_server.reset()
    return vsts_mock_server


@pytest.fixture
def vsts_repo(vsts_mock):
    """A new, empty repository in the project iris of the account acme."""
    return vsts_mock.repo()
