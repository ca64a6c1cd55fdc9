"""The periods of a keep rule, by their beginnings: the same ones that the selection counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from backstay.core.asks import Keep
from backstay.core.retention import Period, begin_of, periods_before, select

if TYPE_CHECKING:
    from datetime import tzinfo

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/London",
        "America/St_Johns",
        "Pacific/Auckland",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    )
]
KINDS = [each for each in Period if each is not Period.LAST]
SECOND = timedelta(seconds=1)
# Around the days on which the clocks of these zones change, and anywhere else; until 2011 St John's clocks went back
# over midnight, so that a day came twice.
CHANGES = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 8), (3, 29), (4, 4), (9, 26), (10, 3), (10, 25), (11, 1))]
NEAR = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-2880, 2880)
)
ANY = st.datetimes(datetime(2012, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds it
MOMENTS = NEAR | ANY
KIND, ZONE = st.sampled_from(KINDS), st.sampled_from(ZONES)


@given(KIND, MOMENTS, ZONE)
def test_a_period_begins_with_its_first_moment(kind: Period, moment: datetime, zone: tzinfo) -> None:
    begin = begin_of(kind, moment, zone)
    assert begin <= moment
    assert begin_of(kind, begin, zone) == begin
    assert begin_of(kind, begin - SECOND, zone) < begin


@given(KIND, MOMENTS, st.integers(0, 400 * 86400), ZONE)
def test_two_points_are_of_one_period_exactly_when_the_selection_keeps_one_of_them(
    kind: Period, moment: datetime, later: int, zone: tzinfo
) -> None:
    for gap in (later, later % 86400, later % 3600):
        other = moment + timedelta(seconds=gap)
        points: list[Any] = [SimpleNamespace(at=moment, key="a"), SimpleNamespace(at=other, key="b")]
        keep = Keep(**{kind.value: 2})
        kept = select(points, keep, zone, other).kept
        assert (len(kept) == 1) == (begin_of(kind, moment, zone) == begin_of(kind, other, zone))


@given(KIND, MOMENTS, ZONE)
def test_the_periods_before_touch_each_other_and_end_where_the_present_one_begins(
    kind: Period, moment: datetime, zone: tzinfo
) -> None:
    found = list(islice(periods_before(kind, moment, zone), 20))
    assert found[0][1] == begin_of(kind, moment, zone)
    assert all(later[0] == earlier[1] for later, earlier in pairwise(found))
    assert all(begin < end for begin, end, _ in found)
    assert len({name for _, _, name in found}) == 20
