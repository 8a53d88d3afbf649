"""Detects faces and skin in photos."""

from multiskin.faces.alignment import align, cut, restore
from multiskin.faces.detection import DetectedFace, find_faces
from multiskin.faces.skin import skin_mask
from multiskin.faces.step import Portrait, SkinStep

__all__ = ["DetectedFace", "Portrait", "SkinStep", "align", "cut", "find_faces", "restore", "skin_mask"]
