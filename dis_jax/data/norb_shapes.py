"""The shapes of the objects in rendered NORB."""

from __future__ import annotations

import functools

import numpy as np

from dis_jax.data.norb_values import INSTANCES


@functools.cache
def norb_parts() -> np.ndarray:
    """(category, instance, part, 6): centre and half size of each part, x forward."""
    builders = (_animal, _human, _airplane, _truck, _car)
    # Golden-ratio steps spread the instances over the range of proportions.
    ratio = np.array([0.6180, 0.7549, 0.8192, 0.8567, 0.8813, 0.8987])
    objects = [
        [build(*((0.5 + i * ratio) % 1 * 2 - 1)) for i in range(INSTANCES)]
        for build in builders
    ]
    return np.array(objects, np.float32)


def _animal(a: float, b: float, c: float, d: float, e: float, f: float) -> list:
    length, girth, legs = 0.62 + 0.14 * a, 0.24 + 0.07 * b, 0.42 + 0.16 * c
    back = 2 * legs + girth
    neck = 0.12 + 0.16 * (d + 1)
    head = (length + 0.22 + 0.06 * e, back + neck, 0.0, 0.24 + 0.06 * e, 0.14, 0.13)
    foot = 0.07 + 0.02 * b
    at = 0.72 * length
    return [
        (0.0, back, 0.0, length, girth, girth * 0.9),
        head,
        (length, back + neck / 2, 0.0, 0.14, 0.18 + neck / 2, 0.1),
        (-length - 0.12, back + 0.12 * f, 0.0, 0.22, 0.06 + 0.03 * (f + 1), 0.06),
        *((x, legs, z, foot, legs, foot) for x in (at, -at) for z in (0.15, -0.15)),
    ]


def _human(a: float, b: float, c: float, d: float, e: float, f: float) -> list:
    legs, torso = 0.36 + 0.06 * a, 0.36 + 0.06 * b
    hips = 0.1 + 2 * legs
    shoulder = hips + 1.6 * torso
    wide = 0.24 + 0.05 * c
    reach = 0.16 + 0.14 * (d + 1)
    stride = 0.1 * (e + 1)
    pole = 0.5 + 0.35 * f
    return [
        (0.0, hips + torso * 0.8, 0.0, 0.17, torso, wide),
        (0.02, shoulder + 0.24, 0.0, 0.15, 0.18, 0.15),
        (reach, shoulder - 0.1, wide, reach + 0.06, 0.08, 0.08),
        (0.0, shoulder - 0.25, -wide - 0.05, 0.09, 0.36, 0.08),
        (stride, 0.1 + legs, 0.12, 0.1, legs, 0.09),
        (-stride, 0.1 + legs, -0.12, 0.1, legs, 0.09),
        (0.0, 0.05, 0.0, 0.42 + 0.06 * c, 0.05, 0.34),
        (2 * reach + 0.05, shoulder - 0.1, wide, 0.04, pole, 0.04),
    ]


def _airplane(a: float, b: float, c: float, d: float, e: float, f: float) -> list:
    length, thick, span = 1.05 + 0.15 * a, 0.15 + 0.04 * b, 0.95 + 0.2 * c
    high = 0.45
    wing = 0.2 + 0.07 * d
    pod = 0.35 + 0.2 * (e + 1)
    tail = -length + 0.15
    return [
        (0.0, high, 0.0, length, thick, thick),
        (0.45 * length, high + thick * 0.7, 0.0, 0.26, 0.12, 0.1),
        (0.12, high - 0.1, pod, 0.24 + 0.05 * f, 0.09, 0.09),
        (0.12, high - 0.1, -pod, 0.24 + 0.05 * f, 0.09, 0.09),
        (0.05 + 0.15 * b, high, 0.0, wing, 0.03, span),
        (tail, high + 0.04, 0.0, 0.13 + 0.03 * a, 0.025, 0.36 + 0.1 * f),
        (tail, high + 0.22 + 0.05 * d, 0.0, 0.13, 0.22 + 0.05 * d, 0.025),
        (0.0, 0.12, 0.0, 0.3, 0.12, 0.22),
    ]


def _truck(a: float, b: float, c: float, d: float, e: float, f: float) -> list:
    length, wide, load = 1.05 + 0.15 * a, 0.36 + 0.05 * b, 0.36 + 0.14 * c
    cab = 0.26 + 0.07 * d
    bed = 0.36
    start = length - 2 * cab
    hold = (length + start) / 2 - 0.06
    wheel = 0.19 + 0.04 * f
    axle = 0.62 * length
    return [
        *_wheels(axle, wheel, wide),
        (0.0, bed, 0.0, length, 0.09, wide),
        (length - cab, bed + 0.34 + 0.1 * e, 0.0, cab, 0.34 + 0.1 * e, wide * 0.95),
        (-length + hold, bed + load, 0.0, hold, load, wide),
        (length + 0.08, bed + 0.1, 0.0, 0.14 + 0.08 * e, 0.16, wide * 0.8),
    ]


def _car(a: float, b: float, c: float, d: float, e: float, f: float) -> list:
    length, wide, body = 1.0 + 0.15 * a, 0.42 + 0.05 * b, 0.17 + 0.05 * c
    floor = 0.16
    roof = 0.16 + 0.05 * d
    cabin = 0.5 + 0.14 * e
    wheel = 0.18 + 0.03 * f
    top = floor + 2 * body
    return [
        *_wheels(0.62 * length, wheel, wide),
        (0.0, floor + body, 0.0, length, body, wide),
        (-0.12 + 0.15 * c, top + roof, 0.0, cabin, roof, wide * 0.84),
        (-0.12 + 0.15 * c, top + roof * 0.6, 0.0, cabin + 0.16, roof * 0.6, wide * 0.8),
        (-length + 0.1, top + 0.05 * (f + 1), 0.0, 0.07, 0.05 * (f + 1) + 0.01, wide),
    ]


def _wheels(axle: float, radius: float, wide: float) -> list:
    return [
        (x, radius, z, radius, radius, 0.08)
        for x in (axle, -axle)
        for z in (wide, -wide)
    ]
