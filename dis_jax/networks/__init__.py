"""Flax networks: encoders, decoders, discriminators, probes."""

from dis_jax import extras

if _lacking := extras.missing("train"):
    raise ModuleNotFoundError(_lacking)

from dis_jax.networks.adversaries import (
    CodeEstimate,
    CodeHead,
    Generator,
    ImageTrunk,
    RealHead,
)
from dis_jax.networks.autoencoders import (
    ConvDecoder,
    ConvEncoder,
    MLPDecoder,
    MLPEncoder,
    halvings,
)
from dis_jax.networks.classifiers import LeNet
from dis_jax.networks.convolution import FORMS, Down, Up, convolve_down, convolve_up
from dis_jax.networks.critics import CodeClassifier, Discriminator
from dis_jax.networks.from_nnx import FromNnx
from dis_jax.networks.initialisers import INITIALISERS, Initialisers, initialisers
from dis_jax.networks.moments import MomentsNetwork
from dis_jax.networks.statistics_networks import (
    AttributeHead,
    CodeDiscriminator,
    GlobalStatistics,
    LocalStatistics,
    MapEncoder,
    map_size,
)

__all__ = [
    "FORMS",
    "INITIALISERS",
    "AttributeHead",
    "CodeClassifier",
    "CodeDiscriminator",
    "CodeEstimate",
    "CodeHead",
    "ConvDecoder",
    "ConvEncoder",
    "Discriminator",
    "Down",
    "FromNnx",
    "Generator",
    "GlobalStatistics",
    "ImageTrunk",
    "Initialisers",
    "LeNet",
    "LocalStatistics",
    "MLPDecoder",
    "MLPEncoder",
    "MapEncoder",
    "MomentsNetwork",
    "RealHead",
    "Up",
    "convolve_down",
    "convolve_up",
    "halvings",
    "initialisers",
    "map_size",
]
