"""Ends with 0 if the controller in this container says that it is ready, with 1 and a word if not."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

PORT = os.environ.get("TAPELINE_WEB__PORT", "8080")


def main() -> int:
    try:
        # No proxy: the container's own port, whatever the environment says of the world outside.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{PORT}/readyz", timeout=4) as answer:
            print(answer.read().decode())
            return 0
    except urllib.error.HTTPError as error:
        print(f"{error.code} {error.read().decode()}")
    except OSError as error:
        print(error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
