"""Shared parts of metrics and probes: encoding, labels, information, simple models."""
