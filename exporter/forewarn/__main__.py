"""`python -m forewarn` is the same program as the `forewarn` command."""

import sys

from forewarn.cli import main

if __name__ == "__main__":
    sys.exit(main())
