"""Imports photos and labels in other layouts as a table, a schema and a first config."""

from multiskin.data.adapters.aihub_face import AIHubFace
from multiskin.data.adapters.aihub_scalp import AIHubScalp
from multiskin.data.adapters.ham10000 import HAM10000
from multiskin.data.adapters.image_folder import ImageFolder
from multiskin.data.adapters.layout import Layout

LAYOUTS: dict[str, type[Layout]] = {
    "aihub-face": AIHubFace,
    "aihub-scalp": AIHubScalp,
    "folder": ImageFolder,
    "ham10000": HAM10000,
}
