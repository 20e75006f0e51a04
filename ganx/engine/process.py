"""What holds for the whole process, with or without a training: settings of torch, the device, the memory used.

Apart from the trainer, because Lightning takes seconds to import and an estimator does without.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
import warnings
from typing import Any

import torch

from ganx.errors import UserError


def prepare_process(hardware: dict[str, Any]) -> None:
    """Set what holds for the whole process: threads, denormal numbers, and libraries that talk too much."""
    torch.set_num_threads(hardware["threads"])
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may sum in any order
    torch.set_flush_denormal(True)  # small second moments of Adam would cost ten times the time
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that writes every new tensor twice
    threading.excepthook = _silence_full_disks
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")


def _silence_full_disks(failure: threading.ExceptHookArgs) -> None:
    """TensorBoard's thread raises in the main thread, too, whatever it cannot write; once is enough."""
    if not isinstance(failure.exc_value, OSError):
        threading.__excepthook__(failure)


def device_of(hardware: dict[str, Any]) -> torch.device:
    """Return the device of `hardware.accelerator`.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    if hardware["accelerator"] == "gpu" and not torch.cuda.is_available():
        raise UserError("hardware=gpu: torch sees no CUDA device here; use hardware=cpu")
    return torch.device("cuda" if hardware["accelerator"] == "gpu" else "cpu")


def peak_memory_mb(workers: int = 1) -> float:
    """Return the largest resident memory of this process and its `workers`, in MB; the device's if that is more."""
    unit = 1 if sys.platform == "darwin" else 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if workers > 1:  # processes of their own: the largest, as often as there are some at a time
        largest += workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    host = largest * unit / 2**20
    device = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
    return max(host, device)
