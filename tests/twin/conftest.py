"""A small twin for the tests of the twin itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from tests.twin.machine import Twin, named
from tests.twin.rotating import Rotating
from tests.twin.validated import Validated

Converging = TypeVar("Converging", bound=Validated)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what shares a twin, so that it can be asked for."""
    for item in items:
        for shared in ("converged", "rotating"):
            if isinstance(item, pytest.Function) and shared in item.fixturenames:
                item.add_marker(shared)


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    """The small twin, up."""
    small = Twin(f"small{os.getpid()}")
    try:
        small.up()
        yield small
    finally:
        small("down")


@pytest.fixture
def second() -> Iterator[Twin]:
    """A name for another twin, not up."""
    other = Twin(f"second{os.getpid()}")
    yield other
    other("down")


@contextmanager
def after_site(twin: Converging) -> Iterator[Converging]:
    """Build a twin and run site.yml; take it down at the end, whatever comes of it."""
    try:
        twin.up()
        twin.converge()
        yield twin
    finally:
        twin("down")


@pytest.fixture(scope="session")
def converged() -> Iterator[Validated]:
    """A twin after site.yml; whoever changes it by hand puts it right again."""
    with after_site(Validated(named("validate"))) as twin:
        yield twin


@pytest.fixture(scope="session")
def rotating() -> Iterator[Rotating]:
    """A twin with a signer after site.yml, for tests after which it is converged again, with whatever keys."""
    with after_site(Rotating(named("rotate"))) as twin:
        yield twin
