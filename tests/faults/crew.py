"""Worker processes under faults: each with a proxy of its own before ClickHouse, so that one can see what it does."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.support.proxy import POINTS, FaultyProxy
from tests.support.system import SESSION_SECONDS, System

SLOW_SECONDS = 10.0
SLEEP_SECONDS = 2 * float(SESSION_SECONDS)
#: A last flush takes a third of a session, leaving the group an answer; the proxy may be slow at each step.
STOP_SECONDS = 60.0


class UnexpectedEndError(AssertionError):
    """A worker ended although nobody killed it, or did not end when it should."""


class Member:
    """One worker process and the proxy through which it speaks to ClickHouse."""

    def __init__(self, system: System, seed: int) -> None:
        self.proxy = FaultyProxy(system.url, seed, share=0.0, slow_seconds=SLOW_SECONDS)
        self.proxy.__enter__()
        self._system = system
        self._process: subprocess.Popen[bytes] | None = None
        self._wakes_at = 0.0

    def is_running(self) -> bool:
        """Whether there is a process, awake or asleep. Raises UnexpectedEndError when it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise UnexpectedEndError(f"a worker ended with {self._process.returncode}: {self._system.log()[-2000:]}")
        return self._process is not None

    def is_asleep(self) -> bool:
        return self._wakes_at > 0

    def start(self, flush_seconds: float) -> None:
        self.proxy.forget_flushes()
        self._process = self._system.start_worker(clickhouse_url=self.proxy.url, flush_seconds=str(flush_seconds))

    def kill(self) -> bool:
        """SIGKILL; whether that was inside a flush."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        was_inside = self.proxy.is_inside_flush()
        self._process.wait()
        self._process, self._wakes_at = None, 0.0
        return was_inside

    def sleep(self) -> None:
        """SIGSTOP, for two sessions."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self._wakes_at = time.monotonic() + SLEEP_SECONDS

    def wake(self, *, is_time: bool = False) -> None:
        """SIGCONT, when it has slept for long enough or is told that it is time."""
        if self._process is not None and self._wakes_at and (is_time or time.monotonic() >= self._wakes_at):
            self._process.send_signal(signal.SIGCONT)
            self._wakes_at = 0.0

    def terminate(self) -> float:
        """SIGTERM, and wait for the end; how many seconds it took."""
        assert self._process is not None
        self.wake(is_time=True)
        began_at = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise UnexpectedEndError(f"a worker did not stop within {STOP_SECONDS:.0f} s of SIGTERM") from None
        # So early that Python was still importing, the signal ends it as any program.
        if status != 0 and (status != -signal.SIGTERM or self.proxy.has_flushed()):
            raise UnexpectedEndError(f"a worker ended with {status} at SIGTERM: {self._system.log()[-2000:]}")
        self._process = None
        return time.monotonic() - began_at

    def close(self) -> None:
        """End the proxy."""
        self.proxy.__exit__(None, None, None)


class Crew:
    """Up to `size` workers on one system, and the faults that befall them, counted by name."""

    def __init__(self, system: System, chance: Random, size: int) -> None:
        self.members = [Member(system, chance.getrandbits(32)) for _ in range(size)]
        self.faults: Counter[str] = Counter()
        self.longest_stop_seconds = 0.0
        self._chance = chance
        self._wanted_count = chance.randint(1, size)

    def fill(self) -> None:
        """Wake who has slept enough, and start workers up to the number wanted."""
        for member in self.members:
            member.wake()
        missing = self._wanted_count - len(self.running())
        for member in [one for one in self.members if not one.is_running()][: max(0, missing)]:
            member.start(self._chance.choice((0.05, 0.05, 0.2, 0.75)))
            self.faults["workers started"] += 1

    def running(self) -> list[Member]:
        return [member for member in self.members if member.is_running()]

    def awake(self) -> list[Member]:
        return [member for member in self.running() if not member.is_asleep()]

    def working(self) -> list[Member]:
        """Who has partitions and writes; without one, for a while, wait for it."""
        deadline = time.monotonic() + float(SESSION_SECONDS)
        while not (found := [member for member in self.awake() if member.proxy.has_flushed()]):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return found

    # ---- faults; each does nothing when there is nobody whom it could befall

    def kill(self) -> None:
        """One or several at once, at a moment that nobody chose."""
        for _ in range(self._chance.choice((1, 1, 1, 2, 4))):
            for member in self._one(self.running() if self._chance.random() < 0.3 else self.working()):
                self._killed(member)

    def kill_in_a_flush(self) -> None:
        """At its commit point: before the insert is done, which then lands when its sender is dead, or before the
        answer."""
        point = self._chance.choice(POINTS)
        for member in self._one(self.working()):
            hold = member.proxy.hold(point)
            if hold.wait(1.5) and member.is_running():
                self._killed(member)
                self.faults[f"kills {point}"] += 1
                # Late enough, at times, to land among what the next owner does.
                time.sleep(self._chance.choice((0.0, 0.5, 2.0)))
            hold.release()

    def rebalance_in_a_flush(self) -> None:
        """While a commit is held, another worker joins or leaves, so that the group takes partitions away."""
        for member in self._one(self.working()):
            hold = member.proxy.hold("before the commit")
            if hold.wait(1.5):
                self.faults["rebalances in a flush"] += 1
                others = [one for one in self.awake() if one is not member]
                if others and self._chance.random() < 0.5:
                    self._stopped(self._chance.choice(others))
                else:
                    self._wanted_count = min(len(self.members), len(self.running()) + 1)
                    self.fill()
                time.sleep(self._chance.uniform(0.5, 4.0))
            hold.release()

    def stop_in_a_flush(self) -> None:
        """SIGTERM while a commit is held: the worker gives it up and ends, then it lands."""
        for member in self._one(self.working()):
            hold = member.proxy.hold("before the commit")
            if hold.wait(1.5):
                self._stopped(member)
                self.faults["stops in a flush"] += 1
                time.sleep(self._chance.choice((0.0, 0.5, 2.0)))
            hold.release()

    def sleep(self) -> None:
        for member in self._one(self.working()):
            member.sleep()
            self.faults["sleeps of two sessions"] += 1

    def terminate(self) -> None:
        for member in self._one(self.working()):
            self._stopped(member)

    def resize(self) -> None:
        """Another number of workers from now on."""
        self._wanted_count = self._chance.randint(1, len(self.members))
        for member in self.awake()[self._wanted_count :]:
            self._stopped(member)

    def break_requests(self) -> None:
        """From now on ClickHouse breaks more or fewer requests."""
        share = self._chance.choice((0.0, 0.0, 0.02, 0.1))
        for member in self.members:
            member.proxy.share = share

    def pause(self, meanwhile: Callable[[], None]) -> None:
        """All leave in order; `meanwhile` happens; those who are missed come back with the next `fill`."""
        for member in self.running():
            self._stopped(member)
        meanwhile()

    # ---- the end

    def calm(self) -> None:
        """No more faults from now on, and at least one worker."""
        for member in self.members:
            member.proxy.share = 0.0
            member.wake(is_time=True)
        self.fill()

    def end(self) -> None:
        """Stop all in order, and count what the proxies did."""
        for member in self.members:
            if member.is_running():
                self._stopped(member)
            self.faults += Counter({f"ClickHouse: {name}": number for name, number in member.proxy.faults.items()})

    def close(self) -> None:
        for member in self.members:
            member.close()

    def _one(self, of: list[Member]) -> list[Member]:
        """One of them, nobody when there is nobody."""
        return [self._chance.choice(of)] if of else []

    def _killed(self, member: Member) -> None:
        self.faults["kills"] += 1
        self.faults["kills inside a flush"] += member.kill()

    def _stopped(self, member: Member) -> None:
        self.longest_stop_seconds = max(self.longest_stop_seconds, member.terminate())
        self.faults["stops in order"] += 1
