"""Metrics of disentanglement, one per file: functions of codes and factors.

Import them flat from `dis_jax.evaluation`: `evaluation.mig`.
"""
