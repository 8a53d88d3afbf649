"""How often a password may be tried, by where the try comes from and by whose name it is tried at."""

import math
import time
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network, ip_address

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

# Many people may share an address, so it has more tries in all than at any one name. A name has few enough from all
# addresses together that guessing takes years, and enough that using them up does not keep its owner out for long.
BY_ADDRESS = parse("100 per 15 minutes")
BY_ADDRESS_AND_NAME = parse("10 per 15 minutes")
BY_NAME = parse("100 per hour")


class Tries:
    """Counts tries in windows that move with time; those at a name until one is right.

    Each count returns the seconds to wait until a try is let through, 0 where this one is; what is not let through does
    not count.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count_address(self, address: str | None) -> int:
        """One more try from there; None where that is not known."""
        return 0 if address is None else self._count(BY_ADDRESS, _network(address))

    def count_name(self, name: str, address: str | None) -> int:
        """One more try at a name from there."""
        return self._count(BY_ADDRESS_AND_NAME, _network(address or ""), name) or self._count(BY_NAME, name)

    def forgive_name(self, name: str, address: str | None) -> None:
        """One from there was right; this leaves the address's count, which any name of one's own would clear."""
        self._limiter.clear(BY_ADDRESS_AND_NAME, _network(address or ""), name)
        self._limiter.clear(BY_NAME, name)

    def _count(self, limit: RateLimitItem, *whose: str) -> int:
        if self._limiter.hit(limit, *whose):
            return 0
        return max(math.ceil(self._limiter.get_window_stats(limit, *whose).reset_time - time.time()), 1)


def _network(address: str) -> str:
    """What one person has of addresses: one of IPv4, and of IPv6 all that share the first 64 bits."""
    with suppress(ValueError):  # the path of a socket, or nothing
        ip = ip_address(address)
        if isinstance(ip, IPv6Address):
            return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False).network_address)
    return address
