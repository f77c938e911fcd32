"""A sandbox for the embedded engine, enforced by the kernel: its data directory, and read access to its program.

SQL can name files, processes and addresses in many ways, and the engine's own permissions do not cover them all. With
Landlock (Linux 5.13 and later; 6.7 for the network), no statement can make this process access other files, start
programs or open connections.
"""

import ctypes
import os
import struct
import sys
import sysconfig
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _READ_DIRECTORY = 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
#: Bits of the rights on files by version of the interface: versions 2, 3 and 5 added one each.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_SINCE_5 = 16
_EXECUTE = 1
_CONNECT_TCP = 1 << 1

_READABLE = (
    *("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/timezone", "/etc/ld.so.cache", "/etc/nsswitch.conf"),
    *("/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/self/stat"),
    *("/proc/self/statm", "/proc/self/status", "/proc/self/maps", "/proc/self/limits", "/proc/self/cgroup"),
    *("/proc/self/mounts", "/proc/self/mountinfo", "/proc/sys", "/sys/fs/cgroup", "/sys/devices/system", "/sys/block"),
    *("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"),
)


def confine(data: Path) -> str:
    """Restrict this process, and threads started from now on, to `data` and to reading its own program.

    To be called before the engine starts its threads. Return a message if the kernel cannot enforce all of it, else "".
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    version = kernel.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return "this kernel has no Landlock: only the engine's own permissions keep statements from files and networks"
    all_rights = (1 << _FILE_RIGHTS.get(version, _FILE_RIGHTS_SINCE_5)) - 1
    attributes = struct.pack("=QQ", all_rights, _CONNECT_TCP if version >= 4 else 0)
    ruleset = _checked(kernel, kernel.syscall(_CREATE_RULESET, attributes, len(attributes) if version >= 4 else 8, 0))
    try:
        for path in _readable():
            _allow(kernel, ruleset, path, _READ_FILE | _READ_DIRECTORY)
        _allow(kernel, ruleset, Path("/dev/null"), _READ_FILE | _WRITE_FILE)
        _allow(kernel, ruleset, data, all_rights & ~_EXECUTE)
        _checked(kernel, kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(kernel, kernel.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return "" if version >= 4 else "this kernel's Landlock knows no network: only the engine's permissions keep it"


def _readable() -> set[Path]:
    """Return the paths of the program: interpreter, installed packages, this package. Not the working directory."""
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages", "lib-dynload")]
    own = str(Path(__file__).resolve().parents[2])
    return {Path(path) for path in (*_READABLE, *installed, *packages, own) if path and Path(path).exists()}


def _allow(kernel: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    if not path.is_dir():
        rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, place)
        _checked(kernel, kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(place)


def _checked(kernel: ctypes.CDLL, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
