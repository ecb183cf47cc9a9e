"""``python -m speedgate.github``: posts what another job wrote with ``comment --post``.

A job that may write runs this from a checkout and installs nothing: the standard library does.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from speedgate.github.context import Context
from speedgate.github.errors import GitHubError
from speedgate.github.message import NOTHING_CAME, add_naming, kept, publish


def main() -> int:
    """Return 0 where it was posted, or nothing had to be; 2 where GitHub refuses, or the file is
    missing, which is posted as well, or holds something else."""
    parser = argparse.ArgumentParser(prog="python -m speedgate.github", description=__doc__)
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="what 'speedgate comment --post FILE' has written"
    )
    parser.add_argument(
        "--issue",
        action="store_true",
        help="open, edit or close an issue, instead of a comment on the job's pull request",
    )
    add_naming(parser)
    options = parser.parse_args()
    try:
        message = kept(options.file)
        done = publish(
            message or NOTHING_CAME,
            Context.of(os.environ),
            options.key,
            options.author,
            options.issue,
        )
    except GitHubError as error:
        print(f"speedgate.github: {error}", file=sys.stderr)
        return 2
    print(f"speedgate.github: {done}")
    if message is None:
        print(
            f"speedgate.github: {options.file} is not there, and the post says so: see the job "
            "that was to write it",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
