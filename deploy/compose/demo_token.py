"""Prints a token for trying the API of docker-compose.yml: what the platform's login would issue.

``docker compose run --rm -T token`` is the demo user; ``--company-id`` and ``--user-id`` are for others.
"""

import argparse
import os
import sys
import time

import jwt

SECONDS = 12 * 3600
EVERYTHING = ["IMPORT_LEADS", "VIEW_LEADS", "EDIT_LEADS", "ASSIGN_LEADS", "CONVERT_LEADS", "DELETE_LEADS"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="token")
    parser.add_argument("--company-id", type=int, default=1)
    parser.add_argument("--user-id", type=int, default=1)
    asked = parser.parse_args()
    now = int(time.time())
    claims = {
        "sub": str(asked.user_id),
        "company_id": asked.company_id,
        "permissions": {"LEADS": EVERYTHING},
        "iat": now,
        "exp": now + SECONDS,
    }
    token = jwt.encode(claims, os.environ["LEADFLOW_JWT_SECRET"], algorithm="HS256")
    sys.stdout.write(token + "\n")


if __name__ == "__main__":
    main()
