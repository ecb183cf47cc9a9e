"""What a duel of two builds looks at when nothing is chosen: about seventy cases, ten minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workloads.catalogue import CATALOGUE, G_OUT, F, G, Workload

# One operation of each kind of the GIL map, and those that kinds of their own code paths have.
MAP_SAMPLE = (
    "add",
    "add_object",
    "multiply_complex",
    "exp",
    "power",
    "add_reduce",
    "cumsum",
    "median",
    "sort",
    "sort_int",
    "argsort",
    "unique",
    "getitem_indices",
    "getitem_mask",
    "take",
    "concatenate",
    "astype_float32",
    "einsum",
    "fft",
    "normal_own",
    "bincount",
    "interp",
    "strings_equal",
    "save",
)
# The same everywhere but on small matrices, where locks and dispatch show.
BLAS_SMALL = 2_500
BLAS_LARGE = {"matmul": 360_000, "dot": 360_000, "solve": 360_000, "inv": 360_000, "det": 360_000}
BLAS_LARGE |= dict.fromkeys(("matmul_complex", "solve_complex"), 40_000)
BLAS_LARGE |= dict.fromkeys(("svd", "eigh", "svd_complex", "eigh_complex"), 40_000)


# Each call takes and gives the GIL, or a lock: with twice as many threads as cores they may form a
# convoy, in which each call waits for a switch.
OVERSUBSCRIBED = ("add", "normal_own")


class Part(NamedTuple):
    """One workload's part of a duel. ``None`` among the ``blas_threads`` leaves BLAS its own;
    ``workers_a_core`` is how many workers each core has."""

    workload: Workload
    sizes: Sequence[int]
    strategies: Sequence[str] = ("threads",)
    blas_threads: Sequence[int | None] = (1,)
    workers_a_core: int = 1


DUEL: tuple[Part, ...] = (
    Part(F, (1_000, 100_000)),
    Part(G, (10_000, 1_000_000), ("threads", "processes")),
    Part(G_OUT, (10_000, 1_000_000)),
    *(Part(CATALOGUE[name], CATALOGUE[name].sizes[-1:]) for name in MAP_SAMPLE),
    *(
        Part(CATALOGUE[name], (BLAS_SMALL, large), blas_threads=(1, None))
        for name, large in BLAS_LARGE.items()
    ),
    *(
        Part(CATALOGUE[name], CATALOGUE[name].sizes[:1], workers_a_core=2)
        for name in OVERSUBSCRIBED
    ),
    Part(CATALOGUE["import_numpy"], (1,)),
    Part(CATALOGUE["matmul_used"], (40_000,), ("fork",), blas_threads=(None,)),
)
