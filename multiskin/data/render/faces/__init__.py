"""Photographed faces with landmarks as grounds: the conditions are drawn on them and lit as on procedural skin."""

from multiskin.data.render.faces.cut import CUTS, STUDIO, face_ground
from multiskin.data.render.faces.folder import Face, load_faces

__all__ = ["CUTS", "STUDIO", "Face", "face_ground", "load_faces"]
