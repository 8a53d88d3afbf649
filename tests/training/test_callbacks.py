from types import SimpleNamespace

import torch
from pytorch_lightning.callbacks import TQDMProgressBar

from multiskin.training import callbacks
from multiskin.training.callbacks import UPDATE_INTERVAL, EpochLine, ProgressBar, TimeLeft


def test_time_left_follows_the_share_of_steps_done(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    left = TimeLeft()
    left.begin(10)
    assert left(10, 50) == "?"
    now[0] += 20
    assert left(20, 50) == "0:01:00"  # 10 steps in 20 s, 30 steps to go
    assert left(50, 50) == "0:00:00"


def test_an_epoch_is_one_line_with_what_is_monitored():
    printed = []
    trainer = SimpleNamespace(
        callback_metrics={"val/mean/kappa": torch.tensor(0.5)},
        global_step=5,
        estimated_stepping_batches=10,
        current_epoch=0,
        max_epochs=2,
    )
    losses = {"train/loss": torch.tensor(1.25), "train/shine/loss": torch.tensor(2.0)}
    module = SimpleNamespace(print=printed.append, training_losses=lambda: losses)
    line = EpochLine("val/mean/kappa")
    line.on_train_start(trainer, module)
    line.on_train_epoch_end(trainer, module)
    assert printed == ["epoch 1/2  train/loss 1.2500  val/mean/kappa 0.5000  left ?"]


def test_a_bar_asks_for_the_loss_now_and_then(monkeypatch):
    now, asked = [100.0], []
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(TQDMProgressBar, "get_metrics", lambda *_: asked.append(True) or {"loss": 0.5, "v_num": 1})
    bar, trainer = ProgressBar(), SimpleNamespace(global_step=2, estimated_stepping_batches=10)
    first = bar.get_metrics(trainer, None)
    now[0] += UPDATE_INTERVAL / 2
    assert bar.get_metrics(trainer, None) == first
    assert first.keys() == {"loss", "left"}
    assert len(asked) == 1
    now[0] += UPDATE_INTERVAL
    bar.get_metrics(trainer, None)
    assert len(asked) == 2
