"""Flax networks: encoders, decoders, discriminators, probes."""

from dis_jax.networks.autoencoders import (
    ConvDecoder,
    ConvEncoder,
    MLPDecoder,
    MLPEncoder,
    halvings,
)
from dis_jax.networks.convolution import FORMS, Down, Up, convolve_down, convolve_up
from dis_jax.networks.critics import CodeClassifier, Discriminator

__all__ = [
    "FORMS",
    "CodeClassifier",
    "ConvDecoder",
    "ConvEncoder",
    "Discriminator",
    "Down",
    "MLPDecoder",
    "MLPEncoder",
    "Up",
    "convolve_down",
    "convolve_up",
    "halvings",
]
