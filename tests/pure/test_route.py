"""Which gateway a device tries next."""

from dataclasses import replace

import pytest

from actors.device.options import DeviceOptions
from actors.device.route import Route

pytestmark = pytest.mark.pure

ROUTE = Route(("first", "second", "third"), patience=30.0)


def accepted(route: Route = ROUTE) -> Route:
    return route.attempt().accepted()


def test_the_first_gateway_is_tried_first() -> None:
    assert ROUTE.attempt().address(0.0) == "first"


def test_a_failed_attempt_leads_to_the_next_and_at_the_end_to_the_first() -> None:
    route, tried = ROUTE, []
    for now in range(4):
        route = route.attempt()
        tried.append(route.address(float(now)))
        route = route.lost(float(now))
    assert tried == ["first", "second", "third", "first"]


def test_a_gateway_that_accepted_us_is_tried_again() -> None:
    """A lost socket alone says nothing against the gateway."""
    route = accepted(ROUTE.attempt())
    assert route.address(0.0) == "second"
    assert route.lost(5.0).attempt().address(5.0) == "second"


def test_with_one_gateway_there_is_no_other() -> None:
    assert Route(("only",)).attempt().attempt().address(0.0) == "only"


def test_a_settled_device_keeps_to_the_preferred_gateway_as_long_as_calls_are_kept_there() -> None:
    route = replace(accepted(), is_settled=True).lost(100.0)
    for now in (100.1, 129.9):
        route = route.attempt()
        assert route.address(now) == "first"
        route = route.lost(now)
    assert route.attempt().address(130.0) == "third"


def test_without_a_time_limit_a_settled_device_does_not_wait_for_the_preferred_gateway() -> None:
    route = replace(accepted(Route(("first", "second")).attempt()), is_settled=True)
    assert route.lost(100.0).attempt().address(100.0) == "second"


def test_a_gateway_that_asks_for_time_gets_it_once_and_then_patience() -> None:
    route = replace(accepted(), is_settled=True, retry_after=30.0).lost(100.0)
    assert (route.due, route.attempt().address(130.0)) == (130.0, "first")
    again = route.attempt().accepted().lost(200.0)
    assert again.due == 130.0


def test_an_idle_device_is_not_asked_to_wait() -> None:
    assert replace(accepted(), retry_after=30.0).lost(100.0).due == 0.0


def test_what_was_asked_for_is_forgotten_with_the_next_gateway_that_accepts() -> None:
    route = replace(ROUTE, is_settled=True, retry_after=30.0).attempt().accepted()
    assert route.lost(100.0).due == 0.0


def test_options_give_the_route() -> None:
    options = DeviceOptions(["a:1", "b:2"], max_call_signaling_timeout_ms=5_000)
    assert Route.of(options) == Route(("a:1", "b:2"), patience=5.0)
