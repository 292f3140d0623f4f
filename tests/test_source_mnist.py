"""The real MNIST, and what becomes of its tests on a machine that does not have it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from latlas.data.source import open_images


@pytest.mark.mnist
def test_real_mnist_opens_whole(mnist_folder):
    images = open_images(mnist_folder)
    assert images.pixels.shape == (70000, 28, 28, 1)
    assert images.classes == tuple("0123456789")
    assert np.bincount(images.splits).tolist() == [60000, 10000]
    assert images.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert abs(float(images.pixels[:60000].mean()) / 255 - 0.1307) < 1e-4


@pytest.mark.mnist
def test_mnist_by_name_is_looked_up_in_latlas_data(mnist_folder, monkeypatch):
    monkeypatch.setenv("LATLAS_DATA", str(mnist_folder))
    assert len(open_images("mnist", split="test")) == 10000


@pytest.mark.parametrize(
    ("automatic", "outcome"), [("", "2 skipped"), ("true", "2 errors")], ids=["by hand", "in CI"]
)
def test_without_mnist_its_tests_are_skipped_but_fail_in_continuous_integration(
    tmp_path, automatic, outcome
):
    environment = {
        **os.environ,
        "CI": automatic,
        "LATLAS_DATA": str(tmp_path),
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", __file__, "-m", "mnist", "-rs"]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert outcome in ran.stdout
    assert "expected a folder with MNIST's four files" in ran.stdout
    assert str(tmp_path) in ran.stdout
