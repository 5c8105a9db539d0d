"""`python -m tutelage.cli`."""

import sys

from . import main

sys.exit(main())
