"""The training loop: it learns, repeats to the bit, resumes to the bit, and stops in time."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import blobs
from latlas.batches import Batch, Feed
from latlas.contracts import NoProgress, OptionError, SpaceError, TrainingError
from latlas.devices import ThreadProbe, Workers, choose_device
from latlas.gradients import ShardedLoss
from latlas.models import MODELS, ModelConfig, build_model
from latlas.settings import TrainConfig
from latlas.train import train

CONFIG = ModelConfig((8, 8, 1), latent_dim=2, width=0.1)
TRAINED = [name for name in MODELS if name != "pca"]


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", TRAINED)
def test_training_learns_the_images(spots, name):
    model = build_model(name, dataclasses.replace(CONFIG, width=0.5, beta=0.001))
    result = train(model, spots, TrainConfig(epochs=40, batch_size=32, learning_rate=3e-3))
    held_out = [row["mse"] for row in result.history if row["split"] == "held_out"]
    variance = float((spots.pixels / 255.0).var(axis=0).mean())
    assert held_out[-1] < 0.35 * variance
    assert result.stopped in {"finished", "early"}


def test_two_runs_are_equal_to_the_bit(spots):
    models = [build_model("vae", CONFIG) for _ in range(2)]
    for model in models:
        train(model, spots, TrainConfig(epochs=3, batch_size=64, precision="float32"))
    assert equal(weights(models[0]), weights(models[1]))


def test_another_seed_gives_another_run(spots):
    models = [build_model("ae", CONFIG) for _ in range(2)]
    for seed, model in enumerate(models):
        train(model, spots, TrainConfig(epochs=2, batch_size=64, seed=seed))
    assert not equal(weights(models[0]), weights(models[1]))


def test_the_number_of_threads_does_not_change_a_bit(spots):
    gradients = []
    for threads in (1, 2, 4):
        model = build_model("wae", CONFIG)
        workers = Workers(4)
        loss = ShardedLoss(model, workers, torch.device("cpu"), seed=0)
        x = torch.from_numpy(spots.pixels[:64]).permute(0, 3, 1, 2).float() / 255
        loss.backward(Batch(x, torch.full((64,), -1)), 0, threads)
        workers.close()
        gradients.append({k: p.grad.clone() for k, p in model.named_parameters()})
    assert equal(gradients[0], gradients[1])
    assert equal(gradients[0], gradients[2])


def test_sharded_gradient_is_that_of_the_whole_batch(spots):
    model = build_model("ae", CONFIG)
    x = torch.from_numpy(spots.pixels[:60]).permute(0, 3, 1, 2).float() / 255
    model.losses(x, torch.Generator())["loss"].backward()
    whole = {k: p.grad.clone() for k, p in model.named_parameters()}
    norm = float(torch.stack([g.square().sum() for g in whole.values()]).sum().sqrt())
    workers = Workers(3)
    batch = Batch(x, torch.full((60,), -1))
    ShardedLoss(model, workers, torch.device("cpu"), seed=0).backward(batch, 0, 1)
    workers.close()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.grad, whole[name] / max(norm, 1.0), atol=1e-6)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(spots, tmp_path, ema):
    config = TrainConfig(
        epochs=30, batch_size=64, ema=ema, checkpoint_seconds=0.0001, precision="float32"
    )
    whole = build_model("vae", CONFIG)
    expected = train(whole, spots, config, folder=tmp_path / "whole")

    class CrashError(Exception):
        pass

    class Crashing(NoProgress):
        """Breaks in the middle of an epoch, after a checkpoint."""

        def stage(self, name, total=None, unit=""):
            stage = super().stage(name, total, unit)
            seen = []

            def advance(amount=1, **fields):
                seen.append(amount)
                if len(seen) == 43:
                    raise CrashError

            stage.advance = advance
            return stage

    with pytest.raises(CrashError):
        train(build_model("vae", CONFIG), spots, config, folder=tmp_path / "b", progress=Crashing())
    resumed = build_model("vae", CONFIG, seed=99)
    result = train(resumed, spots, config, folder=tmp_path / "b", resume=True)
    assert result.steps == expected.steps
    assert equal(weights(whole), weights(resumed))
    rows = [json.loads(line) for line in (tmp_path / "b" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [row["step"] for row in expected.history]


KILLED = """
import sys; sys.path.insert(0, {tests!r})
from pathlib import Path
from conftest import blobs
from latlas.batches import Batch, Feed
from latlas.models import ModelConfig, build_model
from latlas.settings import TrainConfig
from latlas.train import train
model = build_model("ae", ModelConfig((8, 8, 1), latent_dim=2, width=0.1))
train(model, blobs(), TrainConfig(epochs=100000, batch_size=64, patience=10**9,
      checkpoint_seconds=0.05), folder=Path({folder!r}))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_process_leaves_a_checkpoint_to_go_on_from(tmp_path, number):
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tmp_path / "checkpoint").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=60)
    model = build_model("ae", CONFIG)
    steps = json.loads((tmp_path / "checkpoint" / "config.json").read_text())["state"]["step"]
    per_epoch = 5
    config = TrainConfig(epochs=steps // per_epoch + 2, batch_size=64, patience=10**9)
    result = train(model, blobs(), config, folder=tmp_path, resume=True)
    assert result.steps > steps > 0


def test_resume_without_a_checkpoint_says_so(spots, tmp_path):
    with pytest.raises(SpaceError, match="no checkpoint"):
        train(build_model("ae", CONFIG), spots, folder=tmp_path, resume=True)


def test_resume_refuses_other_images(spots, tmp_path):
    config = TrainConfig(epochs=2000, batch_size=64, checkpoint_seconds=0.001, max_seconds=0.5)
    train(build_model("ae", CONFIG), spots, config, folder=tmp_path)
    with pytest.raises(SpaceError, match="not those that this run began with"):
        train(build_model("ae", CONFIG), blobs(seed=5), folder=tmp_path, resume=True)


def test_training_stops_early_and_keeps_the_best_weights(spots):
    model = build_model("ae", CONFIG)
    config = TrainConfig(epochs=4000, batch_size=64, patience=2, learning_rate=0.02)
    result = train(model, spots, config)
    held_out = [row["loss"] for row in result.history if row["split"] == "held_out"]
    assert result.stopped == "early"
    assert result.best_loss == min(held_out) < held_out[-1]
    workers = Workers(1)
    loss = ShardedLoss(model, workers, torch.device("cpu"), config.seed)
    feed = Feed(spots, config.batch_size, config.seed, torch.device("cpu"))
    again = loss.evaluate(feed.take, feed.held_out, 1)["loss"]
    workers.close()
    assert again == pytest.approx(result.best_loss, rel=1e-5)


def test_the_usual_settings_can_stop_early(spots):
    config = TrainConfig(learning_rate=1e-30)  # so small that nothing gets better
    result = train(build_model("ae", CONFIG), spots, config)
    assert result.stopped == "early"
    assert result.epochs < 80


def test_training_stops_in_time(spots):
    result = train(build_model("ae", CONFIG), spots, TrainConfig(max_seconds=0.3, patience=10**9))
    assert result.stopped == "time"
    assert result.seconds >= 0.3


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(spots, tmp_path):
    config = TrainConfig(epochs=50, batch_size=64, checkpoint_seconds=0.0001)
    good = train(build_model("ae", CONFIG), spots, config, folder=tmp_path)
    before = (tmp_path / "checkpoint" / "weights.safetensors").read_bytes()
    broken = build_model("ae", CONFIG)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"nan at step .* smaller learning rate"):
        train(broken, spots, config, folder=tmp_path)
    assert (tmp_path / "checkpoint" / "weights.safetensors").read_bytes() == before
    assert good.steps > 0


def test_a_loss_that_breaks_in_the_last_step_is_noticed(spots):
    config = TrainConfig(epochs=1, batch_size=2000, learning_rate=1e38)
    with pytest.raises(TrainingError, match="smaller learning rate"):
        train(build_model("ae", CONFIG), spots, config)


def test_ctrl_c_during_an_evaluation_saves(spots, tmp_path, monkeypatch):
    evaluate = ShardedLoss.evaluate

    def interrupted(self, take, ids, threads):
        signal.raise_signal(signal.SIGINT)
        return evaluate(self, take, ids, threads)

    monkeypatch.setattr(ShardedLoss, "evaluate", interrupted)
    config = TrainConfig(epochs=20, batch_size=64)
    with pytest.raises(KeyboardInterrupt):
        train(build_model("ae", CONFIG), spots, config, folder=tmp_path)
    monkeypatch.undo()
    result = train(build_model("ae", CONFIG), spots, config, folder=tmp_path, resume=True)
    assert result.steps == 20 * 4


def test_the_test_split_is_never_trained_on(spots):
    poisoned = dataclasses.replace(spots, pixels=spots.pixels.copy())
    poisoned.pixels[poisoned.splits == 1] = 255
    models = [build_model("ae", CONFIG) for _ in range(2)]
    for model, images in zip(models, (spots, poisoned), strict=True):
        train(model, images, TrainConfig(epochs=2, batch_size=64))
    assert equal(weights(models[0]), weights(models[1]))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_handful_of_images_trains(count):
    images = dataclasses.replace(blobs(count), splits=np.zeros(count, np.uint8))
    result = train(build_model("rae", CONFIG), images, TrainConfig(epochs=2))
    assert np.isfinite(result.best_loss)


def test_a_source_without_training_images_is_named(spots):
    images = dataclasses.replace(spots, splits=np.ones(len(spots), np.uint8))
    with pytest.raises(OptionError, match="spots has no training images"):
        train(build_model("ae", CONFIG), images)


def test_ctrl_c_outside_the_main_thread_is_no_obstacle(spots):
    done = []
    thread = threading.Thread(
        target=lambda: done.append(train(build_model("ae", CONFIG), spots, TrainConfig(epochs=1)))
    )
    thread.start()
    thread.join()
    assert done[0].stopped == "finished"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"max_seconds": -1}, "max_seconds is -1"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
        ({"ema": 1.0}, "ema is 1.0"),
        ({"precision": "float16"}, "auto, float32 or bfloat16"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_training_settings_out_of_range_are_named(settings, said):
    with pytest.raises(OptionError, match=said):
        TrainConfig(**settings)


def test_bfloat16_trains_too(spots):
    model = build_model("ae", CONFIG)
    result = train(model, spots, TrainConfig(epochs=20, batch_size=64, precision="bfloat16"))
    first, last = result.history[1]["mse"], result.history[-1]["mse"]
    assert result.precision == "bfloat16"
    assert last <= first
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_an_unknown_device_is_answered_with_the_choices():
    with pytest.raises(OptionError, match="auto, cpu, cuda or mps"):
        choose_device("tpu")


def test_the_probe_chooses_the_quicker_number_of_threads_and_looks_again():
    now = [0.0]
    probe = ThreadProbe(2, clock=lambda: now[0])
    cost = {1: 1.0, 2: 3.0}  # two threads that wait for one another
    for _ in range(2 * ThreadProbe.TRIAL):
        probe.record(cost[probe.next()])
    assert probe.threads == 1
    cost = {1: 1.0, 2: 0.6}  # the other process has gone
    now[0] += ThreadProbe.AGAIN_SECONDS + 1
    for _ in range(2 * ThreadProbe.TRIAL):
        probe.record(cost[probe.next()])
    assert probe.threads == 2


def test_the_probe_never_overrides_the_user():
    probe = ThreadProbe(4, fixed=2)
    seen = set()
    for _ in range(20):
        seen.add(probe.next())
        probe.record(1.0)
    assert seen == {2}


def test_workers_keep_the_order_and_pass_errors_on():
    workers = Workers(3)
    assert workers.map(lambda i: i * i, list(range(10)), 3) == [i * i for i in range(10)]

    def fail(i):
        raise ValueError(i)

    with pytest.raises(ValueError, match="0"):
        workers.map(fail, [0], 1)
    workers.close()
