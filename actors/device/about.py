"""What this client calls itself, and whether it can work here."""

import select
import ssl
from typing import Final

PACKAGE_NAME: Final = "trunkline"
VERSION: Final = "0.1.0"
IS_SUPPORTED: Final = ssl.HAS_TLSv1_2 and hasattr(select, "epoll")
"""Signaling needs TLS 1.2, the media engine epoll."""
