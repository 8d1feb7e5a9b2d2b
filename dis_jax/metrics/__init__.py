"""Metrics of disentanglement, one a file: functions of codes and factors.

Import them flat from `dis_jax.evaluation`: `evaluation.mig`.
"""
