"""The choice between float32 and bfloat16: by a trial, once for a net on a machine."""

from __future__ import annotations

import math
import threading
import time

import pytest
import torch
from torch import nn

from latlas.batches import Batch, to_input
from latlas.data.cache import cache_root
from latlas.devices import Workers
from latlas.gradients import ShardedLoss
from latlas.models import ModelConfig, build_model
from latlas.settings import TrainConfig
from latlas.train import train

CONFIG = ModelConfig((8, 8, 1), latent_dim=2, width=0.1)


def trial_of(monkeypatch, model, spots, here=True, **options):
    monkeypatch.setattr("latlas.gradients.has_bfloat16", lambda device: here)
    loss = ShardedLoss(model, Workers(2), torch.device("cpu"), 0)
    x = to_input(torch.from_numpy(spots.pixels[:64].copy()))
    batch = Batch(x, torch.full((64,), -1))
    loss.choose_precision(lambda step: batch, 1e-3, 2, **options)
    return loss


def test_auto_precision_needs_the_hardware(spots, monkeypatch):
    loss = trial_of(monkeypatch, build_model("ae", CONFIG), spots, here=False)
    assert not loss.bfloat16
    assert not (cache_root() / "precision").exists()


class Pacing(nn.Module):
    """A model whose loss falls at a pace, and whose steps last, as its precision says."""

    def __init__(self, seconds, falls):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.seconds, self.falls, self.steps = seconds, falls, 0
        self.counting = threading.Lock()  # two shards at once must not be counted as one

    def losses(self, x, generator, labels=None):
        coarse = torch.is_autocast_enabled("cpu")
        time.sleep(self.seconds[coarse])
        with self.counting:
            self.steps += 1
            step = self.steps
        return {"loss": (self.weight * 0).sum() + 5 - self.falls[coarse] * (step % 60)}


@pytest.mark.parametrize(
    ("seconds", "falls", "chosen"),
    [
        ((0.002, 0.001), (0.01, 0.01), True),
        ((0.002, 0.004), (0.01, 0.01), False),
        ((0.002, 0.001), (0.01, 0.005), False),
        ((0.002, 0.001), (0.01, math.nan), False),
    ],
    ids=["faster and as good", "slower", "learns less", "not a number"],
)
def test_bfloat16_is_taken_when_it_is_faster_and_learns_as_well(
    spots, monkeypatch, seconds, falls, chosen
):
    model = Pacing(seconds, falls)
    loss = trial_of(monkeypatch, model, spots)
    assert loss.bfloat16 is chosen
    assert model.weight.tolist() == [1, 1, 1]  # the weights are as they were


def test_a_trial_ends_in_time_and_then_takes_float32(spots, monkeypatch):
    model = Pacing((0.05, 0.01), (0.01, 0.01))
    assert not trial_of(monkeypatch, model, spots, seconds=0.2).bfloat16
    assert model.steps <= 2 * 6  # two shards a step


def test_a_trial_takes_no_more_threads_than_allowed(spots, monkeypatch):
    asked = []
    monkeypatch.setattr("latlas.gradients.has_bfloat16", lambda device: True)
    backward = ShardedLoss.backward

    def watching(self, x, step, threads):
        asked.append(threads)
        return backward(self, x, step, threads)

    monkeypatch.setattr(ShardedLoss, "backward", watching)
    train(build_model("ae", CONFIG), spots, TrainConfig(epochs=1, threads=1))
    assert set(asked) == {1}
    assert len(asked) > 2


def test_other_images_are_tried_anew(spots, monkeypatch):
    model = Pacing((0.002, 0.001), (0.01, 0.01))
    assert trial_of(monkeypatch, model, spots, source="a").bfloat16
    model.seconds = (0.002, 0.02)
    assert not trial_of(monkeypatch, model, spots, source="b").bfloat16


def test_the_choice_of_precision_is_kept_for_the_next_run(spots, monkeypatch):
    model = Pacing((0.002, 0.001), (0.01, 0.01))
    assert trial_of(monkeypatch, model, spots).bfloat16
    steps, model.seconds = model.steps, (0.001, 0.002)
    assert trial_of(monkeypatch, model, spots).bfloat16
    assert model.steps == steps
    (note,) = (cache_root() / "precision").iterdir()
    note.write_text("{")  # damaged: tried again
    assert not trial_of(monkeypatch, model, spots).bfloat16
