"""Flax networks: encoders, decoders, discriminators."""

from dis_jax.networks.autoencoders import (
    ConvDecoder,
    ConvEncoder,
    MLPDecoder,
    MLPEncoder,
    halvings,
)
from dis_jax.networks.convolution import FORMS, Down, Up, convolve_down, convolve_up
from dis_jax.networks.critics import Discriminator

__all__ = [
    "FORMS",
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
