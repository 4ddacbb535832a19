"""limn's standard noise, made again from its definition: SplitMix64, and Box and Muller's transform."""
import numpy as np


def scatter(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def bits(key, counter):
    return scatter(key + np.uint64(0x9E3779B97F4A7C15) * (counter + np.uint64(1)))


def standard_noise(seed, sample, elements):
    with np.errstate(over="ignore"):
        key = scatter(np.array([seed], np.uint64) + np.uint64(0x9E3779B97F4A7C15))
        for letter in b"smooth-grad":
            key = scatter(key ^ np.uint64(letter))
        key = bits(key, np.array([sample], np.uint64))
        pairs = (elements + 1) // 2
        unit = (bits(key, np.arange(2 * pairs, dtype=np.uint64)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log1p(-unit[0::2])), 2 * np.pi * unit[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:elements].astype(np.float32)
