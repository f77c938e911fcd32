"""One series under the watch: its detectors, and how far they have been asked."""

from streams.spikes.detector import SpikeDetector
from streams.spikes.series import Series
from streams.spikes.silence import SilenceDetector


class Track:
    """One counted series: its detectors, and the minutes for which they have not been asked yet."""

    __slots__ = ("count", "next_minute", "series", "silence", "silence_series", "spikes")

    def __init__(self, series: Series, minute: int) -> None:
        self.series = series
        self.spikes = SpikeDetector(0.0)
        self.spikes.turn(minute)
        self.silence: SilenceDetector | None = None
        self.silence_series = series._replace(measure="silence")
        if series.measure == "inflow" and series.scope in ("all", "channel"):
            self.silence = SilenceDetector(self.spikes.expectation, 0.0)
        self.next_minute = minute
        #: Of the present minute.
        self.count = 0

    def pass_zeros(self, minute: int) -> None:
        """Let the minutes before this one be over; those not heard of were without events."""
        if self.next_minute < minute:
            self.spikes.observe_zeros(self.next_minute, minute)
            self.next_minute = minute

    def expected_to_be_heard(self, minute: int) -> float:
        """Events in a minute that would be missed; a night in which nothing was ever seen leans on days: none."""
        expectation = self.spikes.expectation
        return expectation.expected(minute) * expectation.seen_ratio

    def freeze(self, minute: int, is_frozen: bool) -> None:
        """From this minute on learn nothing, or learn again."""
        if self.spikes.is_frozen != is_frozen:
            self.pass_zeros(minute)
            self.spikes.is_frozen = is_frozen
