"""The sheet under a map."""

from __future__ import annotations

import numpy as np
import pytest

from latlas.contracts import OptionError
from latlas.sheets import Sheet, fit_sheet, sheet_parameters

LOW, HIGH = np.float32([-3, 10]), np.float32([5, 30])


def bent(count=1500, seed=0):
    """Places, and latents on a smooth surface over them: nothing is hidden from a sheet."""
    u = np.random.default_rng(seed).random((count, 2))
    z = np.stack([np.sin(4 * u[:, 0]), u[:, 1] ** 2, 5 + u.sum(1), 0 * u[:, 0]], axis=1)
    return (LOW + u * (HIGH - LOW)).astype(np.float32), z.astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    return fit_sheet(*bent(), LOW, HIGH)


def test_a_sheet_passes_through_a_surface(fitted):
    xy, z = bent(seed=1)  # other rows than those that it learnt from
    missed = np.square(fitted.latents(xy) - z).mean() / np.square(z - z.mean(0)).mean()
    assert fitted.error < 0.02
    assert missed < 0.03


def test_the_error_is_that_of_its_rows(fitted):
    xy, z = bent()
    z = z.astype(np.float64)
    missed = np.square(fitted.latents(xy) - z).mean() / np.square(z - z.mean(0)).mean()
    assert fitted.error == pytest.approx(missed, rel=1e-4)


def test_noise_is_not_learnt_by_heart():
    xy, _ = bent(600)
    z = np.random.default_rng(3).normal(size=(600, 2)).astype(np.float32)
    assert fit_sheet(xy, z, LOW, HIGH).error > 0.3


def test_the_state_brings_it_back_to_the_bit(fitted):
    config, arrays = fitted.state()
    restored = Sheet.from_state(config, arrays)
    xy, _ = bent(50)
    assert np.array_equal(restored.latents(xy), fitted.latents(xy))
    assert (restored.error, restored.latent_dim) == (fitted.error, 4)


@pytest.mark.parametrize("broken", ["low", "net.0.weight", "waves"])
def test_a_damaged_state_is_refused(fitted, broken):
    config, arrays = fitted.state()
    del arrays[broken]
    with pytest.raises(ValueError, match="Fit it again"):
        Sheet.from_state(config, arrays)


def test_the_same_seed_gives_the_same_bits():
    xy, z = bent(60)
    first, second, other = (fit_sheet(xy, z, LOW, HIGH, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(first.latents(xy), second.latents(xy))
    assert not np.array_equal(first.latents(xy), other.latents(xy))


def test_rows_without_a_place_are_left_out():
    xy, z = bent(80)
    xy[::2] = np.nan
    sheet = fit_sheet(xy, z, LOW, HIGH)
    assert np.isfinite(sheet.latents(xy[1::2])).all()
    with pytest.raises(OptionError, match="no row has a place"):
        fit_sheet(np.full_like(xy, np.nan), z, LOW, HIGH)


def test_latents_that_never_differ_are_met():
    xy, _ = bent(40)
    sheet = fit_sheet(xy, np.full((40, 1), 7.0), LOW, HIGH)
    assert sheet.error == 0
    assert np.abs(sheet.latents(xy) - 7).max() < 0.5


def test_places_must_match_the_latents():
    xy, z = bent(40)
    with pytest.raises(OptionError, match=r"expected \[40, 2\]"):
        fit_sheet(xy[:30], z, LOW, HIGH)


def test_parameters_are_counted_without_a_net(fitted):
    assert sheet_parameters(4) == sum(p.numel() for p in fitted.net.state_dict().values())
