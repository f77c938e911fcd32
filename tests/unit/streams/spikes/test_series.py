"""Series: which exist, which contain others, and their share of the budget."""

from hypothesis import given
from hypothesis import strategies as st

from streams.spikes.all_series import shares
from streams.spikes.episodes import EpisodeKey, episode_id
from streams.spikes.series import Place, Series, series_of
from tests.support.streams.watches import CHAT, PHONE


def test_the_budget_is_spent_completely_and_equally_over_the_scopes() -> None:
    place = Place("t", "sales", "chat")
    series = [*series_of("inflow", place), *series_of("inflow", Place("t", "help", "chat"))]
    found = shares(set(series), 1.0)
    # One total, one channel, two queues, two cells: a quarter each, halves of it where there are two.
    assert sorted(found.values()) == [1 / 8, 1 / 8, 1 / 8, 1 / 8, 1 / 4, 1 / 4]
    assert shares([], 1.0) == {}


def test_unknown_dimensions_give_no_series() -> None:
    assert [series.scope for series in series_of("shares", Place("t", "", ""))] == ["all"]
    assert [series.scope for series in series_of("shares", Place("t", "", "x"))] == ["all", "channel"]
    assert [series.scope for series in series_of("shares", Place("t", "q", "x"))] == ["all", "channel", "queue", "cell"]


def test_series_contain_and_overlap_by_scope() -> None:
    everything, channel, queue, cell = series_of("inflow", CHAT)
    assert all(everything.contains(series) for series in (everything, channel, queue, cell))
    assert channel.contains(cell)
    assert not cell.contains(channel)
    assert not channel.contains(queue)
    assert channel.overlaps(queue)
    assert not channel.overlaps(Series("inflow", "channel", "t", channel="phone"))
    assert not queue.overlaps(Series("inflow", "cell", "t", "help", "chat"))
    assert not queue.overlaps(queue._replace(measure="shares"))
    assert Series("silence", "channel", "t", channel="chat").contains(cell)
    assert [series.holds(PHONE) for series in (everything, channel, queue, cell)] == [True, False, True, False]


PLACES = [Place(tenant, queue, channel) for tenant in "st" for queue in "abc" for channel in "abc"]
ANY_SERIES = st.builds(
    lambda place, index: list(series_of("inflow", place))[index], st.sampled_from(PLACES), st.integers(0, 3)
)


@given(ANY_SERIES, ANY_SERIES)
def test_containing_and_overlapping_agree_with_the_cells_of_each_series(first: Series, second: Series) -> None:
    held, others = ({place for place in PLACES if series.holds(place)} for series in (first, second))
    assert first.contains(second) == (held >= others)
    assert first.overlaps(second) == bool(held & others)


def test_an_identity_is_fixed_by_log_series_and_onset() -> None:
    series = Series("inflow", "channel", "t", channel="chat")
    found = {
        episode_id("interactions", EpisodeKey(series, 5)),
        episode_id("interactions", EpisodeKey(series, 6)),
        episode_id("other", EpisodeKey(series, 5)),
        episode_id("interactions", EpisodeKey(series._replace(measure="silence"), 5)),
        episode_id("interactions", EpisodeKey(Series("inflow", "channel", "t", "chat"), 5)),
    }
    assert len(found) == 5
    assert all(len(identity) == 32 for identity in found)
