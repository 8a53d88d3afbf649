"""What resampling draws as one: all photos of a subject, or all parts of a photo whose subject is unknown."""

from collections.abc import Iterable

from multiskin.data.crops import parted


def unit_names(subjects: Iterable[str] | None, paths: Iterable[str]) -> list[str]:
    """The key that dependent rows share; the words in front keep subjects and photos apart.

    Args:
        subjects: (N,) whose photos they are, "" where unknown; None where nobody's is known.
        paths: (N,) the photos, with the part's place behind it where a row is about a part.
    """
    known = [""] * len(paths := list(paths)) if subjects is None else subjects
    return [
        f"subject {subject}" if subject else f"photo {parted(path)[0]}"
        for subject, path in zip(known, paths, strict=True)
    ]
