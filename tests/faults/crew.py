"""Worker processes under faults, each connected to ClickHouse through a proxy that observes its flushes."""

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
#: A last flush takes a third of a session, which leaves the group time to answer; the proxy may be slow at each step.
STOP_SECONDS = 60.0


class UnexpectedEndError(AssertionError):
    """A worker ended although it was not killed, or did not end when it should."""


class Member:
    """One worker process and the proxy between it and ClickHouse."""

    def __init__(self, system: System, seed: int) -> None:
        self.proxy = FaultyProxy(system.url, seed, share=0.0, slow_seconds=SLOW_SECONDS)
        self.proxy.__enter__()
        self._system = system
        self._process: subprocess.Popen[bytes] | None = None
        self._wakes_at = 0.0

    def is_running(self) -> bool:
        """Return whether there is a process, awake or asleep. Raises UnexpectedEndError if it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise UnexpectedEndError(f"a worker ended with {self._process.returncode}: {self._system.log()[-2000:]}")
        return self._process is not None

    def is_asleep(self) -> bool:
        return self._wakes_at > 0

    def start(self, flush_seconds: float) -> None:
        self.proxy.forget_flushes()
        self._process = self._system.start_worker(clickhouse_url=self.proxy.url, flush_seconds=str(flush_seconds))

    def kill(self) -> bool:
        """Send SIGKILL; return whether that was inside a flush."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        was_inside = self.proxy.is_inside_flush()
        self._process.wait()
        self._process, self._wakes_at = None, 0.0
        return was_inside

    def sleep(self) -> None:
        """Send SIGSTOP, for two sessions."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self._wakes_at = time.monotonic() + SLEEP_SECONDS

    def wake(self, *, is_time: bool = False) -> None:
        """Send SIGCONT once the worker has slept long enough, or at once if `is_time`."""
        if self._process is not None and self._wakes_at and (is_time or time.monotonic() >= self._wakes_at):
            self._process.send_signal(signal.SIGCONT)
            self._wakes_at = 0.0

    def terminate(self) -> float:
        """Send SIGTERM, wait for the end, and return the seconds it took."""
        assert self._process is not None
        self.wake(is_time=True)
        began_at = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise UnexpectedEndError(f"a worker did not stop within {STOP_SECONDS:.0f} s of SIGTERM") from None
        # During Python's own imports SIGTERM ends the process as it does any program.
        if status != 0 and (status != -signal.SIGTERM or self.proxy.has_flushed()):
            raise UnexpectedEndError(f"a worker ended with {status} at SIGTERM: {self._system.log()[-2000:]}")
        self._process = None
        return time.monotonic() - began_at

    def close(self) -> None:
        """Stop the proxy."""
        self.proxy.__exit__(None, None, None)


class Crew:
    """Up to `size` workers on one system, and the faults injected into them, counted by name."""

    def __init__(self, system: System, chance: Random, size: int) -> None:
        self.members = [Member(system, chance.getrandbits(32)) for _ in range(size)]
        self.faults: Counter[str] = Counter()
        self.longest_stop_seconds = 0.0
        self._chance = chance
        self._wanted_count = chance.randint(1, size)

    def fill(self) -> None:
        """Wake workers that have slept long enough, and start workers up to the number wanted."""
        for member in self.members:
            member.wake()
        missing = self._wanted_count - len(self.running())
        for member in [idle for idle in self.members if not idle.is_running()][: max(0, missing)]:
            member.start(self._chance.choice((0.05, 0.05, 0.2, 0.75)))
            self.faults["workers started"] += 1

    def running(self) -> list[Member]:
        return [member for member in self.members if member.is_running()]

    def awake(self) -> list[Member]:
        return [member for member in self.running() if not member.is_asleep()]

    def working(self) -> list[Member]:
        """Return the workers that have partitions and write; wait for the first one, up to a session."""
        deadline = time.monotonic() + float(SESSION_SECONDS)
        while not (found := [member for member in self.awake() if member.proxy.has_flushed()]):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return found

    # ---- faults; each does nothing if there is no worker to apply it to

    def kill(self) -> None:
        """Kill one or several workers at once, at a random moment."""
        for _ in range(self._chance.choice((1, 1, 1, 2, 4))):
            for member in self._one(self.running() if self._chance.random() < 0.3 else self.working()):
                self._killed(member)

    def kill_in_a_flush(self) -> None:
        """Kill a worker at its commit point.

        Either before the insert is done, which then lands after its sender's death, or before the answer.
        """
        point = self._chance.choice(POINTS)
        for member in self._one(self.working()):
            hold = member.proxy.hold(point)
            if hold.wait(1.5) and member.is_running():
                self._killed(member)
                self.faults[f"kills {point}"] += 1
                # At times late enough to land among the next owner's inserts.
                time.sleep(self._chance.choice((0.0, 0.5, 2.0)))
            hold.release()

    def rebalance_in_a_flush(self) -> None:
        """Hold a commit while another worker joins or leaves, so that the group revokes partitions."""
        for member in self._one(self.working()):
            hold = member.proxy.hold("before the commit")
            if hold.wait(1.5):
                self.faults["rebalances in a flush"] += 1
                others = [other for other in self.awake() if other is not member]
                if others and self._chance.random() < 0.5:
                    self._stopped(self._chance.choice(others))
                else:
                    self._wanted_count = min(len(self.members), len(self.running()) + 1)
                    self.fill()
                time.sleep(self._chance.uniform(0.5, 4.0))
            hold.release()

    def stop_in_a_flush(self) -> None:
        """Send SIGTERM while a commit is held: the worker abandons it and ends, then it lands."""
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
        """Change the number of workers wanted."""
        self._wanted_count = self._chance.randint(1, len(self.members))
        for member in self.awake()[self._wanted_count :]:
            self._stopped(member)

    def break_requests(self) -> None:
        """Change the share of requests that ClickHouse breaks."""
        share = self._chance.choice((0.0, 0.0, 0.02, 0.1))
        for member in self.members:
            member.proxy.share = share

    def pause(self, meanwhile: Callable[[], None]) -> None:
        """Stop all workers cleanly and run `meanwhile`; the next `fill` starts workers again."""
        for member in self.running():
            self._stopped(member)
        meanwhile()

    # ---- the end

    def calm(self) -> None:
        """Stop injecting faults, and ensure at least one worker."""
        for member in self.members:
            member.proxy.share = 0.0
            member.wake(is_time=True)
        self.fill()

    def end(self) -> None:
        """Stop all workers cleanly, and count what the proxies did."""
        for member in self.members:
            if member.is_running():
                self._stopped(member)
            self.faults += Counter({f"ClickHouse: {name}": number for name, number in member.proxy.faults.items()})

    def close(self) -> None:
        for member in self.members:
            member.close()

    def _one(self, of: list[Member]) -> list[Member]:
        """Return a random one of the workers; none if there are none."""
        return [self._chance.choice(of)] if of else []

    def _killed(self, member: Member) -> None:
        self.faults["kills"] += 1
        self.faults["kills inside a flush"] += member.kill()

    def _stopped(self, member: Member) -> None:
        self.longest_stop_seconds = max(self.longest_stop_seconds, member.terminate())
        self.faults["stops in order"] += 1
