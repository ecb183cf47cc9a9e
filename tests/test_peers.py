"""The versions of g by other libraries: the same results, and the same work for them."""

import numpy as np
import pytest

from workloads import G
from workloads.peers import compiled_exp


@pytest.mark.parametrize("library", sorted(G.peers))
def test_a_peer_returns_what_g_returns(library):
    pytest.importorskip(library)
    assert np.allclose(G.peers[library](1000), G.function(1000), rtol=1e-12)


@pytest.mark.parametrize("library", sorted(G.peers))
def test_a_peer_returns_a_new_array_each_time(library):
    pytest.importorskip(library)
    one, two = G.peers[library](10), G.peers[library](10)
    assert not np.shares_memory(one, two)


def test_numba_takes_the_exponential_of_each_number():
    pytest.importorskip("numba")
    numbers = np.array([0.0, 1.0, 2.0])
    assert np.allclose(compiled_exp()(numbers), np.exp(numbers), rtol=1e-12)


@pytest.mark.parametrize("library", sorted(G.peers))
def test_a_peer_works_on_the_numbers_that_it_makes(library, monkeypatch):
    pytest.importorskip(library)
    monkeypatch.setattr(np, "ones", lambda size: np.full(size, 2.0))
    assert np.allclose(G.peers[library](3), np.exp(2.0))
