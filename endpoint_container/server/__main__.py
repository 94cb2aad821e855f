"""python -m server"""

import sys

from server.process import main

if __name__ == "__main__":
    main(sys.argv[1:])
