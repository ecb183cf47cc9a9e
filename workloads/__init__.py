"""What is computed: the workloads that Speedgate measures.

This package imports NumPy and the standard library and nothing of Speedgate's, so that a worker
process loads neither pytest nor the harness when it imports a workload. To add one, declare a
``Workload`` in the module where its kin are and list it in that module's ``WORKLOADS``.
"""

from workloads.article import G_OUT, F, G
from workloads.control import CONTROL
from workloads.overhead import NOOP
from workloads.workload import Workload

CATALOGUE: dict[str, Workload] = {
    workload.name: workload for workload in (F, G, G_OUT, NOOP, CONTROL)
}

__all__ = ["CATALOGUE", "CONTROL", "G_OUT", "NOOP", "F", "G", "Workload"]
