"""The page shown in the browser."""

from multiskin.serve.page.clinics import ROUTES
from multiskin.serve.page.look import end_streams, mount_page
from multiskin.serve.page.wiring import create_page

__all__ = ["ROUTES", "create_page", "end_streams", "mount_page"]
