"""`python -m zen`: the command line."""

import sys

from zen.cli.main import main

sys.exit(main())
