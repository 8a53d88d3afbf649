"""Resampling units: all photos of a subject, or all parts of a photo whose subject is unknown."""

from collections.abc import Iterable

from multiskin.data.crops import parse_name


def unit_names(subjects: Iterable[str] | None, paths: Iterable[str]) -> list[str]:
    """A key for each row, which dependent rows share; its prefix keeps subjects and photos apart.

    Args:
        subjects: (N,) subjects of the photos, "" where unknown; None if all are unknown.
        paths: (N,) names of the photos or of parts of them.
    """
    known = [""] * len(paths := list(paths)) if subjects is None else subjects
    return [
        f"subject {subject}" if subject else f"photo {parse_name(path)[0]}"
        for subject, path in zip(known, paths, strict=True)
    ]
