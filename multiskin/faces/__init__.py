"""Where the face and the skin are in a photograph."""

from multiskin.faces.alignment import align, cut, restore
from multiskin.faces.crop import FaceCrop
from multiskin.faces.detection import DEFAULT, DetectedFace, find_faces
from multiskin.faces.skin import skin_mask

__all__ = ["DEFAULT", "DetectedFace", "FaceCrop", "align", "cut", "find_faces", "restore", "skin_mask"]
