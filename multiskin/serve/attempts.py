"""Rate limits on password attempts, by client address and by account name."""

import math
import time
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network, ip_address

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

# Many people may share an address, so an address has more attempts in total than for any one name. For a name, all
# addresses together have few enough attempts that guessing takes years, and enough that an attacker who uses them up
# does not lock out the owner for long.
BY_ADDRESS = parse("100 per 15 minutes")
BY_ADDRESS_AND_NAME = parse("10 per 15 minutes")
BY_NAME = parse("100 per hour")


class Attempts:
    """Counts password attempts in moving windows; a successful one resets the counts of its name.

    Each method that counts returns the seconds to wait until an attempt is allowed, 0 if this one is. Refused attempts
    do not count.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count_address(self, address: str | None) -> int:
        """Counts an attempt from an address; None if unknown, which has no limit."""
        return 0 if address is None else self._count(BY_ADDRESS, _network(address))

    def count_name(self, name: str, address: str | None) -> int:
        """Counts an attempt for a name from an address."""
        return self._count(BY_ADDRESS_AND_NAME, _network(address or ""), name) or self._count(BY_NAME, name)

    def reset_name(self, name: str, address: str | None) -> None:
        """Resets the counts of a name after a success, but not that of the address.

        Otherwise attackers could reset the latter by signing in to an account of their own.
        """
        self._limiter.clear(BY_ADDRESS_AND_NAME, _network(address or ""), name)
        self._limiter.clear(BY_NAME, name)

    def _count(self, limit: RateLimitItem, *whose: str) -> int:
        if self._limiter.hit(limit, *whose):
            return 0
        return max(math.ceil(self._limiter.get_window_stats(limit, *whose).reset_time - time.time()), 1)


def _network(address: str) -> str:
    """The addresses that count as one client: a single IPv4 address, or an IPv6 /64 network."""
    with suppress(ValueError):  # the path of a Unix socket, or nothing
        ip = ip_address(address)
        if isinstance(ip, IPv6Address):
            return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False).network_address)
    return address
