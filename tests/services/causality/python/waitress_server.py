"""waitress: one thread reads the requests, others serve them."""
import sys

import waitress

from flask_app import app

waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=16, _quiet=True)
