"""Prints a link that signs in to the console of docker-compose.yml: ``docker compose run --rm -T link``.

It is good once, and for a minute. ``--company-id`` and ``--user-id`` are for others than the demo user.
"""

import argparse
import os
import sys
import time
from importlib import import_module


def main() -> None:
    sign_in = import_module("sign_in")  # beside this file in the image
    parser = argparse.ArgumentParser(prog="link")
    parser.add_argument("--company-id", type=int, default=1)
    parser.add_argument("--user-id", type=int, default=1)
    asked = parser.parse_args()
    secret = os.environ["LEADFLOW_JWT_SECRET"]
    code = sign_in.new_code(secret, user_id=str(asked.user_id), company_id=asked.company_id, now=time.time())
    sys.stdout.write(f"{os.environ['LEADFLOW_API_URL']}/console/#code={code}\n")


if __name__ == "__main__":
    main()
