"""How far two batches of arrays are from each other, image by image."""
import numpy as np


def flattened(a):
    return np.asarray(a, np.float64).reshape(len(a), -1)


def relative_l2(a, b):
    """Relative L2 distance per image."""
    a, b = flattened(a), flattened(b)
    norm = np.linalg.norm(b, axis=1)
    return np.linalg.norm(a - b, axis=1) / np.where(norm > 0, norm, 1)


def of_largest(a, b):
    """Largest difference per image, in parts of the largest value."""
    a, b = flattened(a), flattened(b)
    top = np.abs(b).max(1)
    return np.abs(a - b).max(1) / np.where(top > 0, top, 1)
