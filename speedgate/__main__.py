"""``python -m speedgate``: the same as the console script ``speedgate``."""

import sys

from speedgate.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
