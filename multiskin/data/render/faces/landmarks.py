"""The 189 landmarks of a frontal face, where they lie on an average one, and the outlines that they draw.

The numbering is that of the landmarks published with the Face Research Lab London Set (DeBruine and Jones 2017).
Everything here is in the face's own units: the pupils are at (-1, 0) and (1, 0), x runs to the right of the photo
and y down, so that the corners of the mouth are a little more than two units below the eyes.
"""

import numpy as np

POINTS = 189

# Pairs of landmarks, to the left and to the right in the photo, and x and y of the one to the right.
PAIRS = (
    (0, 1, 1.00, 0.00), (22, 23, 0.54, 0.12), (18, 27, 1.40, 0.06), (20, 25, 1.00, -0.13), (29, 32, 1.00, 0.19),
    (76, 77, 0.44, -0.36), (75, 78, 0.44, -0.53), (74, 79, 0.96, -0.71), (73, 80, 1.36, -0.71), (71, 82, 1.86, -0.25),
    (50, 56, 0.22, -0.15), (52, 58, 0.15, 0.40), (54, 60, 0.22, 0.96),  # the ridge of the nose
    (61, 66, 0.50, 0.95), (62, 67, 0.57, 1.12), (63, 68, 0.57, 1.32), (65, 70, 0.40, 1.27),  # its wings and nostrils
    (158, 161, 0.77, 1.42), (159, 162, 0.97, 1.67), (160, 163, 1.10, 2.01), (166, 169, 1.23, 1.05),  # the fold, cheek
    (87, 93, 0.79, 2.20), (88, 92, 0.50, 2.00), (89, 91, 0.24, 1.89), (105, 107, 0.32, 2.46), (95, 97, 0.25, 2.13),
    (134, 144, 2.12, -0.56), (135, 143, 1.94, -1.22), (136, 142, 1.74, -1.83), (137, 141, 1.32, -2.23),
    (138, 140, 0.70, -2.39), (109, 112, 2.24, 0.21), (110, 113, 2.21, 0.93), (111, 114, 2.09, 1.71),  # hairline, ears
    (125, 133, 1.97, 2.20), (126, 132, 1.76, 2.70), (127, 131, 1.29, 3.21), (128, 130, 0.69, 3.54),  # the jaw
)  # fmt: skip
MIDDLE = ((55, 1.42), (90, 1.94), (101, 2.16), (106, 2.49), (177, 2.72), (175, 3.29), (129, 3.67), (139, -2.38))

ANCHORS = np.array([*(number for left, right, _, _ in PAIRS for number in (left, right)), *(n for n, _ in MIDDLE)])
TEMPLATE = np.array(
    [*(place for _, _, x, y in PAIRS for place in ((-x, y), (x, y))), *((0, y) for _, y in MIDDLE)]
)  # (anchors, 2)

OUTLINE = (*range(134, 145), 112, 113, 114, 133, 132, 131, 130, 129, 128, 127, 126, 125, 111, 110, 109)
EYES = ((18, 19, 20, 21, 22, 30, 29, 28), (23, 24, 25, 26, 27, 33, 32, 31))
BROWS = ((71, 72, 73, 74, 75, 76, 84, 83), (77, 78, 79, 80, 81, 82, 86, 85))
NOSTRILS = ((65, 64, 180, 179), (70, 69, 181, 182))
LIPS = (87, 88, 89, 90, 91, 92, 93, 108, 107, 106, 105, 104)
MOUTH = (87, 94, 95, 96, 97, 98, 93, 103, 102, 101, 100, 99)
CHEEKS = ((164, 166, 158, 160), (167, 169, 161, 163))  # above the beard
HAIRLESS = (165, 46, 50, 56, 47, 168, 162, 68, 69, 55, 64, 63, 159)  # nose and inner cheeks
