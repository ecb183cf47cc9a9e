"""All workloads. To add one, declare it in the module where its kin are: a NumPy operation is a
function under ``@operation``.
"""

from workloads import (
    algebra,
    article,
    contention,
    control,
    counting,
    elementwise,
    files,
    functional,
    indexing,
    overhead,
    pure,
    random,
    reductions,
    shaping,
    sorting,
    starting,
    text,
    waiting,
)
from workloads.article import G_OUT, G
from workloads.control import CONTROL
from workloads.overhead import BUSY, NOOP
from workloads.pure import F
from workloads.workload import HOLDS, RELEASES, Workload, operation

# The operations of the map, in the order in which it shows them.
OPERATION_MODULES = (
    elementwise,
    reductions,
    sorting,
    indexing,
    shaping,
    algebra,
    random,
    counting,
    functional,
    text,
    files,
)
OPERATIONS: tuple[Workload, ...] = tuple(
    workload for module in OPERATION_MODULES for workload in module.WORKLOADS
)
CATALOGUE: dict[str, Workload] = {
    workload.name: workload
    for module in (
        pure,
        article,
        overhead,
        control,
        waiting,
        contention,
        starting,
        *OPERATION_MODULES,
    )
    for workload in module.WORKLOADS
}

__all__ = [
    "BUSY",
    "CATALOGUE",
    "CONTROL",
    "G_OUT",
    "HOLDS",
    "NOOP",
    "OPERATIONS",
    "RELEASES",
    "F",
    "G",
    "Workload",
    "operation",
]
