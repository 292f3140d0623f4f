"""What a measurement must say about the machine, and whether the machine is quiet enough."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import torch

PACKAGES = ("latlas", "torch", "numpy", "pylance", "pillow", "pythae", "umap-learn", "openTSNE")
MOST_BUSY_PERCENT = 8.0
MOST_PREEMPTED = 1.05
CALIBRATION_LOOPS = 3_000_000


def describe() -> dict[str, Any]:
    """Processor, memory, versions, and the commit that was measured."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    flags = set(facts.get("flags", "").split())
    names = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "instructions": [name for name in names if name in flags],
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": {
            "torch": torch.get_num_threads(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        },
        "versions": {name: version(name) for name in PACKAGES},
        "commit": commit(),
    }


def version(package: str) -> str:
    """The installed version of a package, or a dash."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def commit() -> str:
    """The commit of the checkout, with a plus when files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=10"]
    folder = Path(__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; else it would be emulated."""
    return bool({"avx512_bf16", "amx_bf16"} & set(describe()["instructions"]))


def calibrate() -> dict[str, float]:
    """A fixed loop on one core: its wall time, and wall by processor time (1 when undisturbed)."""
    wall, cpu, total = time.perf_counter(), time.process_time(), 0
    for number in range(CALIBRATION_LOOPS):
        total += number * number
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"seconds": round(wall, 4), "preempted": round(wall / max(cpu, 1e-9), 3)}


def why_busy() -> str:
    """Why this machine is too busy to measure on now; empty when it is quiet."""
    percent = psutil.cpu_percent(interval=2.0)
    preempted = calibrate()["preempted"]
    if percent > MOST_BUSY_PERCENT:
        return f"other processes use {percent:.0f}% of it (at most {MOST_BUSY_PERCENT:.0f}%)"
    if preempted > MOST_PREEMPTED:
        return f"a loop on one core took {preempted:.2f} times its processor time"
    return ""


def wait_until_quiet(seconds: float) -> str:
    """Waits up to so many seconds for a quiet machine; returns why it still is not, or nothing."""
    end = time.monotonic() + seconds
    while (reason := why_busy()) and time.monotonic() < end:
        time.sleep(3)
    if reason and hasattr(os, "getloadavg"):
        reason += f"; load average {os.getloadavg()[0]:.1f}"
    return reason
