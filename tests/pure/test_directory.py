"""Who is rung for an identity."""

import pytest

from actors.gateway.directory import MAX_REGISTRATIONS, Directory
from tests.fakes.sockets import FakeLink

pytestmark = pytest.mark.pure


def test_sockets_are_found_in_the_order_in_which_they_registered() -> None:
    directory, links = Directory(), [FakeLink() for _ in range(3)]
    for link in links:
        directory.add(link)
    directory.add(FakeLink("bob"))
    assert directory.find("alice") == tuple(links)
    assert len(directory) == 4


def test_registering_again_changes_nothing() -> None:
    directory, links = Directory(), [FakeLink(), FakeLink()]
    for link in (*links, links[0]):
        directory.add(link)
    assert directory.find("alice") == tuple(links)


def test_an_identity_has_ten_registrations_at_most() -> None:
    directory, links = Directory(), [FakeLink() for _ in range(MAX_REGISTRATIONS)]
    for link in links:
        assert directory.has_room("alice")
        directory.add(link)
    assert MAX_REGISTRATIONS == 10
    assert not directory.has_room("alice")
    assert directory.has_room("bob"), "others are not affected"
    directory.remove(links[3])
    assert directory.has_room("alice")


def test_who_is_removed_is_gone_and_leaves_nothing_behind() -> None:
    directory, link = Directory(), FakeLink()
    directory.add(link)
    assert directory.remove(link)
    assert not directory.remove(link)
    assert not directory.remove(FakeLink("bob"))
    assert (directory.find("alice"), len(directory)) == ((), 0)
    assert directory._links == {}
