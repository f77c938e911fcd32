"""Child processes that do not outlive their parent.

Linux sends a child the signal it requested (`PR_SET_PDEATHSIG`) when the *thread* that started it ends. Therefore start
children from a thread that lives as long as the process, such as the main thread.

`python -m pipeline.embedded.child SIGNAL PARENT COMMAND...` requests that signal and then becomes COMMAND. The request
survives `exec`, so it works for any program, and no Python code runs between fork and exec of a process that may have
threads.
"""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
#: From SIGTERM to SIGKILL.
END_SECONDS = 5.0


def die_with_parent(parent: int, end_signal: signal.Signals = signal.SIGTERM) -> None:
    """Make the kernel send this process `end_signal` when its parent, with process id `parent`, ends.

    Exits at once if the parent has already ended. Raises OSError if the kernel refuses.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.prctl(PR_SET_PDEATHSIG, int(end_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The kernel sends no signal for a parent that ended before the call above.
    if os.getppid() != parent:
        sys.exit(f"expected process {parent} as parent, found {os.getppid()}: it ended during the start of this one")


#: Runs a module of this package. With `-P`, not one from a directory `pipeline` in the working directory.
MODULE = [sys.executable, "-P", "-m"]


class Child:
    """One running child process.

    `log` is the file to which standard error is appended (and standard output, unless `answers`); None discards it.
    With `answers`, standard output can be read from `process.stdout`.
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
                # Ctrl-C in the terminal must only reach the parent, which ends its children in order.
                start_new_session=True,
            )

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after `END_SECONDS`. Does nothing if the process has ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._collect()

    def kill(self) -> None:
        """Send SIGKILL, like a crash."""
        self.process.kill()
        self._collect()

    def _collect(self) -> None:
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def log_tail(self) -> str:
        """Return the end of the log, for error messages."""
        if self.log is None:
            return "it kept no log; give a log directory to see why"
        return f"the end of {self.log}:\n" + self.log.read_text(errors="replace")[-2000:]


def _with_our_packages(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment with this package on the search path, as it may only be on that of this process."""
    packages = str(Path(__file__).resolve().parents[2])
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, [packages, environment.get("PYTHONPATH")]))}


def main() -> None:
    """Run the launcher described above."""
    end_signal, parent, *command = sys.argv[1:]
    die_with_parent(int(parent), signal.Signals(int(end_signal)))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
