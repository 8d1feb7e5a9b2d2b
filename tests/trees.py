"""Comparison of trees of arrays, such as states of training."""

import chex


def same(a, b) -> bool:
    """Whether two trees have the same structure and are equal bit for bit."""
    try:
        chex.assert_trees_all_equal(a, b)
    except AssertionError:
        return False
    return True
