"""Who answers at an address: the provider, somebody else, or this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def host_of(base_url: str) -> str:
    """Who answers at an address: host, and port where one is given."""
    return urlsplit(base_url).netloc.rpartition("@")[2]


def is_loopback(base_url: str) -> bool:
    """Whether an address is this machine: whatever answers there is not the provider."""
    name = urlsplit(base_url).hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
