"""The commands end to end, from a folder of photos to predictions, and the messages for mistakes."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from multiskin.cli import COMMANDS, main
from multiskin.data.photos import load_photos

TINY = ["--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.input_size", "64"]


@pytest.fixture(scope="module")
def settings(write_settings, tmp_path_factory):
    augment = ["RandomResizedCrop", "HorizontalFlip"]
    return write_settings(tmp_path_factory.mktemp("settings"), data={"batch_size": 4}, recipe={"augment": augment})


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    assert main(["fit", "--config", str(settings), "--out", str(folder), *TINY]) == 0
    return folder


@pytest.fixture
def without_figures(blank_figures):
    with blank_figures():
        yield


def failure(arguments, capsys):
    """The message of a command that fails with a user error."""
    assert main([str(argument) for argument in arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("multiskin: error: ")
    return message


@pytest.mark.usefixtures("without_figures", "draw_here")
class TestEmbedded:
    """Without a config, the program draws its own photos."""

    SMALL = ("--data.render.persons", "[6, 2, 2]", "--data.render.size", "48", "--trainer.max_epochs", "1")

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MULTISKIN_CACHE", str(tmp_path / "cache"))
        monkeypatch.chdir(tmp_path)

    def test_fit_evaluates_the_model_and_test_repeats_that(self, tmp_path, capsys):
        assert main(["fit", *self.SMALL, *TINY]) == 0
        run = tmp_path / "runs" / "embedded"
        results = json.loads((run / "metrics.json").read_text())
        assert set(results["test"]["heads"]) == {"oil", "sensitivity", "wrinkle", "pigmentation", "hydration"}
        assert results["test"]["second_rater"]["mean"]["p_recall"] > 0.5
        assert "2nd rater" in capsys.readouterr().out
        shutil.rmtree(tmp_path / "cache")  # the photos are drawn again
        assert main(["test", str(run)]) == 0
        assert json.loads((run / "metrics.json").read_text()) == results

    @pytest.mark.slow
    def test_damaged_photos_can_be_drawn_again(self, tmp_path, capsys):
        check = ["data", "check", "--data.render.persons", "[6, 2, 2]", "--data.render.size", "48"]
        assert main(check) == 0
        [drawn] = (tmp_path / "cache").glob("rendered-*/")
        next(drawn.glob("images/*")).unlink()
        assert main(check) == 2
        assert f"{drawn}: remove this folder to have its photos drawn again" in capsys.readouterr().err
        shutil.rmtree(drawn)
        assert main(check) == 0

    @pytest.mark.parametrize("option", ["--data.root", "--data.manifest"])
    def test_the_users_photos_are_not_silently_ignored(self, option, tmp_path, capsys):
        message = failure(["fit", option, tmp_path], capsys)
        assert option in message
        assert "data init" in message

    def test_a_schema_of_the_users_is_read(self, tmp_path, capsys):
        message = failure(["fit", "--schema", tmp_path / "mine.yaml"], capsys)
        assert "mine.yaml" in message

    def test_faces_need_drawn_photos(self, settings, capsys):
        message = failure(["data", "check", "--config", settings, "--data.faces", "faces"], capsys)
        assert "data.faces" in message
        assert "data.render" in message

    def test_a_folder_without_faces_is_named(self, tmp_path, capsys):
        assert "nowhere" in failure(["fit", "--data.faces", "nowhere"], capsys)
        assert "nowhere" in failure(["data", "render", "out", "--faces", "nowhere"], capsys)
        assert not (tmp_path / "out").exists()


class TestFit:
    def test_writes_all_files_of_a_run_folder(self, run):
        files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
        assert files - {".lock"} == {
            "config.yaml",
            "schema.yaml",
            "split.csv",
            "report.html",
            "logs/metrics.csv",
            "checkpoints/best.ckpt",
            "checkpoints/last.ckpt",
            "metrics.json",
            "predictions_val.csv",
            "predictions_test.csv",
            "classification_val.csv",
            "classification_test.csv",
            "persons_val.csv",
            "persons_test.csv",
            "figures/curves.png",
            "figures/confusion_val.png",
            "figures/confusion_test.png",
        }

    def test_every_checkpoint_consists_of_plain_containers_and_tensors(self, run):
        for path in (run / "checkpoints").iterdir():
            content = torch.load(path, weights_only=True)
            assert content["blueprint"]["schema"] == yaml.safe_load((run / "schema.yaml").read_text())

    @pytest.mark.slow
    def test_the_saved_config_reproduces_the_run(self, run, tmp_path):
        again = tmp_path / "again"
        assert main(["fit", "--config", str(run / "config.yaml"), "--out", str(again)]) == 0
        first, second = (torch.load(r / "checkpoints/best.ckpt", weights_only=True)["state_dict"] for r in (run, again))
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert (run / "metrics.json").read_text() == (again / "metrics.json").read_text()

    def test_metrics_match_the_predictions_file(self, run, schema):
        results = json.loads((run / "metrics.json").read_text())["val"]
        table = pd.read_csv(run / "predictions_val.csv")
        for attribute in schema:
            graded = table.dropna(subset=f"{attribute.name}_true")
            head = results["heads"][attribute.name]
            assert head["n"] == len(graded) > 0
            accuracy = (graded[attribute.name] == graded[f"{attribute.name}_true"]).mean()
            assert head["accuracy"] == pytest.approx(accuracy)
            shares = table[[f"{attribute.name}_p{k}" for k in range(attribute.grades)]]
            assert shares.sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-5)

    def test_logs_losses_metrics_and_samples_of_every_epoch(self, run, schema):
        logged = pd.read_csv(run / "logs/metrics.csv").groupby("epoch").last()
        assert list(logged.index) == [0, 1]
        for name in schema.names:
            for key in (f"train/{name}/loss", f"val/{name}/rps_balanced", f"sampling/{name}/effective"):
                assert logged[key].notna().all()

    @pytest.mark.slow
    def test_without_averaged_weights_and_without_test(self, settings, tmp_path):
        arguments = ["--trainer.ema_decay", "null", "--trainer.max_epochs", "1", "--test", "false"]
        assert main(["fit", "--config", str(settings), "--out", str(tmp_path / "run"), *TINY, *arguments]) == 0
        assert "test" not in json.loads((tmp_path / "run/metrics.json").read_text())

    def test_warns_of_doubtful_credit_before_training(self, settings, tmp_path, monkeypatch, capsys):
        def stop(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("multiskin.training.fit.fit", stop)
        options = ["--recipe.loss", "focal", "--recipe.decision", "credit", "--heads.lines.calibration", "cumulative"]
        assert main(["fit", "--config", str(settings), "--out", str(tmp_path / "run"), *TINY, *options]) == 130
        warned = [line for line in capsys.readouterr().err.splitlines() if "calibration: cumulative" in line]
        assert [line.split(": ")[:3] for line in warned] == [["multiskin", "warning", "shine (focal)"]]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--trainer.max_epochs", "many"], ["trainer.max_epochs", "many"]),
            (["--trainer.max_epoch", "3"], ["max_epoch"]),
            (["--recipe.loss", "focall"], ["heads.", "'focall'", "did you mean 'focal'"]),
            (["--heads.shinee.loss", "focal"], ["heads", "shinee", "did you mean"]),
            (["--recipe.augment", "[Blur]"], ["augment", "Blur", "choose one of"]),
            (["--recipe.resample", "balance"], ["resample", "did you mean 'balanced'"]),
            (["--recipe.hidden", "0"], ["heads.", ".hidden is 0", "at least 1"]),
            (["--recipe.stride", "32"], ["heads.", ".stride is 32", "finer than its final map", "4, 8, 16"]),
            (["--model.backbone", "efficientnet_bO"], ["model.backbone", "closest are", "efficientnet_b0"]),
            (["--model.weights", "nowhere.safetensors"], ["model.weights", "nowhere.safetensors"]),
            (["--trainer.monitor", "val/mean/kapa"], ["trainer.monitor", "did you mean 'val/mean/kappa'"]),
            (["--data.root", "nowhere"], ["nowhere", "labels.csv"]),
            (["--data.manifest", "labels.txt"], ["labels.txt"]),
            (["--schema", "nowhere.yaml"], ["schema nowhere.yaml"]),
            (["--config", "nowhere.yaml"], ["nowhere.yaml"]),
            (["--seed", "5000000000"], ["seed is 5000000000"]),
            (["--trainer.accelerator", "cuda"], ["trainer.accelerator", "cpu"]),
            (["--recipe.loss_options", "{gama: 2}", "--recipe.loss", "focal"], ["'gama'", "did you mean 'gamma'"]),
        ],
    )
    def test_a_mistake_gets_one_message(self, settings, tmp_path, capsys, arguments, words):
        command = ["fit", "--config", settings, "--out", tmp_path / "run", *TINY, *arguments]
        message = failure(command, capsys)
        assert all(word in message for word in words), message
        assert not (tmp_path / "run").exists()

    def test_a_run_folder_is_never_overwritten(self, settings, run, capsys):
        before = (run / "metrics.json").read_text()
        assert str(run) in failure(["fit", "--config", settings, "--out", run, *TINY], capsys)
        assert (run / "metrics.json").read_text() == before

    def test_a_loss_that_is_not_finite_names_the_rows(self, settings, tmp_path, capsys):
        arguments = ["--optimizer.lr", "1e30", "--trainer.gradient_clip_val", "null", "--optimizer.warmup_epochs", "0"]
        message = failure(["fit", "--config", settings, "--out", tmp_path / "run", *TINY, *arguments], capsys)
        assert "not finite" in message
        assert "optimizer.lr" in message
        assert re.search(r"the batch was row \d+ images/\d\d\.png, row ", message)

    @pytest.mark.parametrize("workers", [0, 1])
    def test_a_photo_that_vanishes_during_training_is_named(
        self, settings, graded_folder, tmp_path, capsys, monkeypatch, workers
    ):
        shutil.copytree(graded_folder, tmp_path / "photos")

        def load_then_lose(*arguments):
            photos = load_photos(*arguments)
            (tmp_path / "photos" / photos.side("train").paths[0]).unlink()
            return photos

        monkeypatch.setattr("multiskin.data.photos.load_photos", load_then_lose)
        place = ["--data.root", tmp_path / "photos", "--data.num_workers", workers]
        message = failure(["fit", "--config", settings, "--out", tmp_path / "run", *TINY, *place], capsys)
        assert re.fullmatch(r"multiskin: error: \S+\.png: no such file or directory", message)


class TestResume:
    def test_a_finished_run_is_evaluated_again_and_nothing_else(self, run, settings, tmp_path):
        copy = shutil.copytree(run, tmp_path / "run")
        command = ["fit", "--config", str(settings), "--out", str(copy), *TINY, "--ckpt_path", "last"]
        assert main(command) == 0
        for name in ("metrics.json", "logs/metrics.csv", "split.csv", "config.yaml"):
            ours, theirs = ((folder / name).read_text() for folder in (copy, run))
            assert ours.replace(str(copy), str(run)) == theirs

    def test_changed_settings_are_named(self, run, settings, capsys):
        command = ["fit", "--config", settings, "--out", run, *TINY, "--ckpt_path", "last", "--optimizer.lr", "0.5"]
        assert "optimizer.lr was 0.001 and is 0.5" in failure(command, capsys)


@pytest.mark.usefixtures("without_figures")
class TestAfterTraining:
    def test_test_gives_the_same_results_as_fit(self, run, tmp_path):
        assert main(["test", str(run), "--out", str(tmp_path / "again")]) == 0
        first, second = (json.loads((r / "metrics.json").read_text())["test"] for r in (run, tmp_path / "again"))
        assert first == second

    def test_validate_writes_into_the_run_and_keeps_the_rest(self, run):
        before = json.loads((run / "metrics.json").read_text())
        assert main(["validate", str(run), "--batch_size", "3"]) == 0
        after = json.loads((run / "metrics.json").read_text())
        assert after["test"] == before["test"]
        assert after["val"]["mean"] == pytest.approx(before["val"]["mean"], abs=1e-5)

    def test_all_photos_of_another_table_are_used(self, run, graded_folder, tmp_path):
        table = pd.read_csv(graded_folder / "labels.csv").head(6)
        table.to_csv(graded_folder / "others.csv", index=False)
        try:
            assert main(["test", str(run), "--table", "others.csv", "--out", str(tmp_path / "out")]) == 0
        finally:
            (graded_folder / "others.csv").unlink()
        assert json.loads((tmp_path / "out/metrics.json").read_text())["others"]["photos"] == 6

    def test_another_table_may_lack_attributes_and_have_other_columns(self, run, graded_folder, tmp_path):
        table = pd.read_csv(graded_folder / "labels.csv")[["image", "lines"]].assign(note="x")
        table.to_csv(tmp_path / "others.csv", index=False)
        command = ["test", str(run), "--table", str(tmp_path / "others.csv"), "--out", str(tmp_path / "out")]
        assert main(command) == 0
        heads = json.loads((tmp_path / "out/metrics.json").read_text())["others"]["heads"]
        assert heads["shine"]["n"] == 0
        assert heads["lines"]["n"] == table["lines"].notna().sum()

    def test_predictions_never_replace_an_input(self, run, graded_folder, tmp_path, capsys):
        table = tmp_path / "mine.csv"
        table.write_text("image\nnowhere.png\n")
        for out in (table, tmp_path / "folder" / ".." / "mine.csv"):
            (tmp_path / "folder").mkdir(exist_ok=True)
            assert "is one of the inputs" in failure(["predict", run, table, "--out", out], capsys)
            assert table.read_text() == "image\nnowhere.png\n"

    def test_predict_on_a_folder_agrees_with_the_run(self, run, graded_folder, tmp_path, schema):
        out = tmp_path / "scores.csv"
        assert main(["predict", str(run), str(graded_folder / "images"), "--out", str(out)]) == 0
        scores = {Path(row["image"]).name: row for row in csv.DictReader(out.read_text().splitlines())}
        tested = pd.read_csv(run / "predictions_test.csv")
        for _, row in tested.iterrows():
            for name in schema.names:
                assert int(scores[Path(row["image"]).name][name]) == row[name]

    def test_predict_writes_json_lines_and_continues_after_a_bad_file(
        self, run, graded_folder, tmp_path, schema, capsys
    ):
        bad = tmp_path / "bad.jpg"
        bad.write_bytes(b"no picture")
        good = next((graded_folder / "images").iterdir())
        out = tmp_path / "scores.jsonl"
        assert main(["predict", str(run), str(bad), str(good), "--out", str(out)]) == 0
        first, second = map(json.loads, out.read_text().splitlines())
        assert "bad.jpg" in first["error"]
        assert set(second) == {"image", *schema.names}
        assert "1 of 2 photos could not be read" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["test", "nowhere"], ["nowhere"]),
            (["test"], ["run", "--help"]),
            (["predict", "{run}", "nowhere.jpg"], ["nowhere.jpg"]),
            (["predict", "{run}", "{run}/logs"], ["no picture in"]),
            (["predict", "nowhere.ckpt", "{run}/figures"], ["nowhere.ckpt"]),
            (["predict", "{run}", "{run}/figures", "--out", "scores.txt"], ["scores.txt", ".jsonl"]),
            (["predict", "{run}", "{run}/figures", "--device", "cudda"], ["cudda"]),
            (["predict", "{run}", "{run}/figures", "--batch_size", "0"], ["batch_size"]),
            (["validate", "{run}", "--table", "nowhere.csv", "--out", "{run}/new"], ["nowhere.csv"]),
            (["validate", "{run}", "--table", "labels.csv"], ["--out"]),
            (["validate", "{run}", "--checkpoint", "{run}/checkpoints/last.ckpt"], ["--out"]),
            (["validate", "{run}", "--checkpoint", "{run}/config.yaml", "--out", "{run}/n"], ["config.yaml", ".ckpt"]),
            (["predict", "{run}", "{run}/config.yaml"], ["none of 1 photos could be read"]),
        ],
    )
    def test_a_mistake_gets_one_message(self, run, capsys, arguments, words):
        message = failure([argument.format(run=run) for argument in arguments], capsys)
        assert all(word in message for word in words), message


@pytest.mark.usefixtures("without_figures")
class TestData:
    def test_init_writes_what_fit_needs(self, graded_folder, tmp_path, capsys):
        table = graded_folder / "labels.csv"
        assert main(["data", "init", str(table), "--out", str(tmp_path), "--yes"]) == 0
        assert main(["data", "check", "--config", str(tmp_path / "config.yaml")]) == 0
        arguments = ["--out", str(tmp_path / "run"), "--trainer.max_epochs", "1", "--trainer.progress", "false"]
        assert main(["fit", "--config", str(tmp_path / "config.yaml"), *TINY, *arguments]) == 0
        assert (tmp_path / "run/predictions_test.csv").is_file()

    def test_check_counts_the_grades(self, settings, capsys, schema):
        assert main(["data", "check", "--config", str(settings)]) == 0
        printed = capsys.readouterr().out
        assert all(attribute.title() in printed for attribute in schema)

    def test_check_reports_bad_rows_with_their_place(self, settings, graded_folder, tmp_path, capsys):
        table = pd.read_csv(graded_folder / "labels.csv", dtype=str)
        table.loc[3, "image"] = "images/nowhere.png"
        table.to_csv(graded_folder / "broken.csv", index=False)
        command = ["data", "check", "--config", str(settings), "--data.manifest", "broken.csv"]
        try:
            assert main(command) == 2
            assert "row 5, column image" in capsys.readouterr().err
            assert main([*command, "--data.on_bad_row", "skip"]) == 0
            assert "row 5, column image" in capsys.readouterr().err
        finally:
            (graded_folder / "broken.csv").unlink()


class TestProgram:
    def test_help_appears_at_once_and_names_the_commands(self):
        best = 9.0
        for _ in range(3):
            start = time.monotonic()
            done = subprocess.run([sys.executable, "-m", "multiskin", "--help"], capture_output=True, text=True)
            best = min(best, time.monotonic() - start)
        assert done.returncode == 0
        assert all(name in done.stdout for name in ("fit", "validate", "test", "predict", "data init", "data check"))
        assert best < 1.5

    def test_the_installed_command_is_the_module(self):
        outputs = {
            subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
            for command in ([sys.executable, "-m", "multiskin"], [str(Path(sys.executable).with_name("multiskin"))])
        }
        assert len(outputs) == 1

    @pytest.mark.parametrize("arguments", [["fitt"], ["data"], ["fit", "--nonsense"], ["predict"], ["data", "init"]])
    def test_a_mistake_ends_with_status_2_and_no_traceback(self, arguments):
        done = subprocess.run([sys.executable, "-m", "multiskin", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("multiskin: error: ")

    @pytest.mark.parametrize("word", ["data", "bench"])
    def test_the_first_word_of_a_command_has_help_too(self, word, capsys):
        with pytest.raises(SystemExit) as stop:
            main([word, "--help"])
        assert stop.value.code == 0
        assert f"\n  {word} " in capsys.readouterr().out

    @pytest.mark.parametrize("command", [*COMMANDS])
    def test_every_command_has_help(self, command, capsys):
        with pytest.raises(SystemExit) as stop:
            main([*command.split(), "--help"])
        assert stop.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 5

    def test_every_setting_of_training_is_explained(self, capsys):
        with pytest.raises(SystemExit):
            main(["fit", "--help"])
        assert re.findall(r"^  ((?:\S+ )*\S+)\s+\(type:", capsys.readouterr().out, re.MULTILINE) == []

    @pytest.mark.parametrize("closed", ["stdout", "stderr"])
    def test_a_closed_output_is_no_output(self, settings, monkeypatch, closed):
        monkeypatch.setattr(sys, closed, None)  # by python for >&- or 2>&-
        assert main(["data", "check", "--config", str(settings)]) == 0

    def test_a_lost_worker_is_reported_even_if_it_caused_another_error(self, monkeypatch, capsys):
        def fit(_):
            try:
                raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
            finally:
                raise RuntimeError("a file that was being written")

        monkeypatch.setitem(COMMANDS, "fit", fit)
        assert main(["fit"]) == 2
        said = "multiskin: error: DataLoader worker (pid 7) is killed by signal: Killed, most likely for lack of memory"
        assert capsys.readouterr().err.startswith(said)

    def test_a_worker_lost_while_sending_photos_is_told_from_other_lost_connections(self, monkeypatch, capsys):
        class Lost(torch.utils.data.Dataset):
            def __len__(self):
                return 1

            def __getitem__(self, _):
                raise ConnectionResetError(104, "Connection reset by peer")

        monkeypatch.setitem(COMMANDS, "fit", lambda _: [*torch.utils.data.DataLoader(Lost())])
        assert main(["fit"]) == 2
        said = "multiskin: error: DataLoader worker is gone (Connection reset by peer), most likely for lack of memory"
        assert capsys.readouterr().err.startswith(said)
        monkeypatch.setitem(COMMANDS, "fit", lambda _: Lost()[0])
        assert main(["fit"]) == 2
        assert capsys.readouterr().err.startswith("multiskin: error: Connection reset by peer; the same command")

    @pytest.mark.parametrize(
        ("stop", "status", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
    )
    @pytest.mark.parametrize("sending", [False, True])
    def test_a_worker_that_was_stopped_along_with_the_command_is_no_lost_one(
        self, stop, status, said, sending, monkeypatch, capsys
    ):
        class Stopped(torch.utils.data.Dataset):
            def __len__(self):
                return 1

            def __getitem__(self, _):
                with suppress(KeyboardInterrupt):  # as Python does in destructors and at a fork
                    os.kill(os.getpid(), stop)
                if sending:
                    raise ConnectionResetError(104, "Connection reset by peer")
                raise RuntimeError("DataLoader worker (pid 7) exited unexpectedly")

        monkeypatch.setitem(COMMANDS, "fit", lambda _: [*torch.utils.data.DataLoader(Stopped())])
        assert main(["fit"]) == status
        assert capsys.readouterr().err.startswith(f"multiskin: {said}; the same command with --ckpt_path last")

    @pytest.mark.parametrize(
        ("command", "hint"),
        [
            (["fit"], "; the same command with --ckpt_path last resumes it"),
            (["fit", "--ckpt_path", "some.ckpt"], "; the same command with --ckpt_path last resumes it"),
            (["fit", "--ckpt_path", "last"], "; the same command resumes it"),  # as 'compare' starts it
            (["fit", "--ckpt_path=last"], "; the same command resumes it"),
            (["compare"], "; the same command resumes it"),
            (["predict"], ""),
        ],
    )
    def test_a_stopped_command_says_how_it_is_resumed(self, command, hint, monkeypatch, capsys):
        monkeypatch.setitem(COMMANDS, command[0], lambda _: os.kill(os.getpid(), signal.SIGINT))
        assert main(command) == 130
        assert capsys.readouterr().err == f"multiskin: interrupted{hint}\n"

    def test_an_interrupt_that_the_shell_had_switched_off_stays_off(self, monkeypatch):
        """As a shell does for commands in the background."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            monkeypatch.setitem(COMMANDS, "fit", lambda _: os.kill(os.getpid(), signal.SIGINT))
            assert main(["fit"]) == 0
        finally:
            signal.signal(signal.SIGINT, before)

    def test_a_gpu_without_enough_memory_gets_one_message(self, monkeypatch, capsys):
        def predict(_):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total ...")

        monkeypatch.setitem(COMMANDS, "predict", predict)
        assert main(["predict"]) == 2
        assert capsys.readouterr().err == "multiskin: error: CUDA out of memory; lower the batch size\n"

    def test_any_other_runtime_error_is_raised(self, monkeypatch):
        def fit(_):
            raise RuntimeError("not as it should be")

        monkeypatch.setitem(COMMANDS, "fit", fit)
        with pytest.raises(RuntimeError, match="not as it should be"):
            main(["fit"])
