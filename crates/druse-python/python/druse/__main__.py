"""The ``druse`` command."""

from __future__ import annotations

import os
import signal
import sys
import threading

from . import _druse

#: Set by `druse.find`: the command ends with the process that writes to its standard input.
END_WITH_PARENT = "DRUSE_END_WITH_PARENT"


def _end_with_parent() -> None:
    # Not through sys.stdin, whose lock the interpreter wants when it ends.
    while os.read(0, 4096):
        pass
    os._exit(130)


def main() -> None:
    """Run the command with the arguments of the process."""
    # The interpreter only notes an interrupt, and would look at it when the command has ended.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if END_WITH_PARENT in os.environ:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(_druse.command(["druse", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
