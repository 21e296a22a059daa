"""What the machine is said to have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import device
from pipeline.device import Device
from pipeline.errors import UnknownName

CPU = Device("cpu", "cpu", "CPU", 4, 8 << 30, 4 << 30)
SMALL = Device("cuda:0", "cuda", "Small", 10, 8 << 30, 2 << 30)
LARGE = Device("cuda:1", "cuda", "Large", 10, 80 << 30, 70 << 30)


def test_the_cpu_is_always_there_with_its_memory_in_bytes():
    first = device.devices()[0]
    assert (first.name, first.kind) == ("cpu", "cpu")
    assert 1 <= first.cores <= os.cpu_count()
    assert 0 < first.free_bytes <= first.memory_bytes and first.memory_bytes > 1 << 28


def test_cores_follow_the_affinity():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity")
    one = min(os.sched_getaffinity(0))
    script = f"import os; os.sched_setaffinity(0, {{{one}}}); from pipeline import device; print(device.cores())"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(("text", "quota"), [("150000 100000", 1.5), ("max 100000", None)])
def test_the_quota_of_a_control_group_version_2(tmp_path, text, quota):
    (tmp_path / "cpu.max").write_text(text)
    assert device.cgroup_quota(tmp_path) == quota


@pytest.mark.parametrize(("quota", "expected"), [("200000", 2.0), ("-1", None)])
def test_the_quota_of_a_control_group_version_1(tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert device.cgroup_quota(tmp_path) == expected


def test_memory_of_a_control_group_counts_dropped_pages_as_free(tmp_path):
    (tmp_path / "memory.max").write_text("1000")
    (tmp_path / "memory.current").write_text("700")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 200\n")
    assert device.cgroup_memory(tmp_path) == (1000, 500)


def test_no_limit_is_no_limit(tmp_path):
    assert device.cgroup_memory(tmp_path) is None and device.cgroup_quota(tmp_path) is None
    (tmp_path / "memory.max").write_text("max")
    (tmp_path / "memory.current").write_text("700")
    assert device.cgroup_memory(tmp_path) is None


def test_choosing_takes_the_accelerator_with_the_most_free_memory():
    assert device.choose(None, [CPU, SMALL, LARGE]) == LARGE
    assert device.choose("auto", [CPU]) == CPU
    assert device.choose("cuda", [CPU, SMALL, LARGE]) == LARGE
    assert device.choose("cuda:0", [CPU, SMALL, LARGE]) == SMALL
    assert device.choose("cpu", [CPU, SMALL, LARGE]) == CPU


def test_a_device_that_is_not_here_is_refused_with_what_is():
    with pytest.raises(UnknownName, match="cuda") as refused:
        device.choose("cuda", [CPU])
    assert "cpu" in refused.value.hint


def test_what_nvidia_smi_says_is_read_in_bytes_and_lines_without_numbers_are_left_out():
    text = "GPU-1f2e, 143771, 143000\nGPU-3a4b, [N/A], [N/A]\n\nNo devices were found\n"
    assert device.parse_smi(text) == [("1f2e", 143771 << 20, 143000 << 20)]


def test_without_an_accelerator_torch_is_not_imported():
    if device.accelerator_plausible():
        pytest.skip("this machine may have an accelerator, so torch is asked")
    root = Path(__file__).resolve().parents[2]
    script = "import sys; from pipeline import device; device.choose(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.gpu
def test_a_gpu_is_listed_with_its_free_memory():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("a GPU is here, but the installed torch cannot use it")
    found = [d for d in device.devices() if d.kind == "cuda"]
    assert len(found) == torch.cuda.device_count()
    assert all(0 < d.free_bytes <= d.memory_bytes and d.cores > 0 for d in found)
