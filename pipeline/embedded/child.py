"""Child processes that never outlive us: started quietly, ended by their own process id, gone when we are gone.

Linux sends a child the signal it asked for (`PR_SET_PDEATHSIG`) when the *thread* that started it ends. So start
children from a thread that lives as long as the process does, which the main thread is.

`python -m pipeline.child SIGNAL PARENT COMMAND...` asks for that signal and then becomes COMMAND. The request survives
`exec`, so programs which know nothing of it obey too, and no Python code runs between fork and exec of a process that
may hold threads.
"""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
END_SECONDS = 5.0
"""How long a child may take to end after SIGTERM before it gets SIGKILL."""


def die_with_parent(parent: int, end_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process `end_signal` when `parent`, its parent's process id, is gone.

    Ends the process at once when the parent has gone already. Raises OSError where the kernel refuses.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.prctl(PR_SET_PDEATHSIG, int(end_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A parent that died before the call above would never be noticed.
    if os.getppid() != parent:
        sys.exit(f"expected process {parent} as parent, found {os.getppid()}: it ended during our start")


MODULE = [sys.executable, "-P", "-m"]
"""Runs a module of ours. `-P`: a directory named `pipeline` where the user stands is not ours."""


class Child:
    """One running child process.

    `log` receives what the child writes to standard error (and to standard output unless `answers`), appended; None
    discards it. With `answers` the first lines of its standard output can be read from `process.stdout`.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path | None,
        environment: dict[str, str] | None = None,
        end_signal: signal.Signals = signal.SIGTERM,
        answers: bool = False,
    ) -> None:
        self.log = log
        launcher = [*MODULE, "pipeline.embedded.child", str(int(end_signal)), str(os.getpid())]
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
        with (log or Path(os.devnull)).open("ab") as output:
            self.process = subprocess.Popen(
                launcher + command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if answers else output,
                stderr=output,
                env=_with_our_packages(environment if environment is not None else dict(os.environ)),
                # Ctrl-C in our terminal is ours to handle: we end the children in order.
                start_new_session=True,
            )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it has not ended after `END_SECONDS`. Does nothing when it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._collect()

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        self.process.kill()
        self._collect()

    def _collect(self) -> None:
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def last_words(self) -> str:
        """The end of its log, for error messages."""
        if self.log is None:
            return "it kept no log; give a log directory to see why"
        return f"the end of {self.log}:\n" + self.log.read_text(errors="replace")[-2000:]


def _with_our_packages(environment: dict[str, str]) -> dict[str, str]:
    """So that a child finds this package even where only our own search path led to it."""
    packages = str(Path(__file__).resolve().parents[2])
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, [packages, environment.get("PYTHONPATH")]))}


def main() -> None:
    """Entry of the launcher described above."""
    end_signal, parent, *command = sys.argv[1:]
    die_with_parent(int(parent), signal.Signals(int(end_signal)))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
