"""The page shown in the browser."""

from multiskin.serve.page.clinics import ROUTES
from multiskin.serve.page.look import mount_page
from multiskin.serve.page.wiring import create_page

__all__ = ["ROUTES", "create_page", "mount_page"]
