"""The command that serves the demo: what it takes, and what it says when it cannot."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multiskin.cli import main, serving
from multiskin.serve.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, str]]:
    """What would be served, with its address."""
    calls: list[tuple[Settings, str]] = []

    def serve(settings: Settings, listener: socket.socket) -> None:
        calls.append((settings, serving._address(settings, listener)))

    monkeypatch.setattr(serving, "_serve", serve)
    return calls


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_only_this_machine_is_served_unless_told_otherwise(served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", "0"]) == 0
    ((settings, address),) = served
    assert settings == Settings(port=0)
    assert (settings.host, settings.model, settings.members_only) == ("127.0.0.1", None, False)
    assert address.startswith("http://127.0.0.1:")
    assert not address.endswith(":0/")
    assert capsys.readouterr().err == ""


def test_every_option_arrives(served: Any) -> None:
    options = (
        "model.ckpt --port 0 --root-path /skin --data d --members-only --max-upload 5 --device cpu --max-accounts 7"
    )
    assert (
        main(
            [
                "demo",
                *options.split(),
                "--detector",
                "y.onnx",
                "--language",
                "ko",
                "--training",
                "nobody",
                "--advice",
                "a.yaml",
                "--clinics",
                "c.csv",
                "--hosts",
                "a.lab",
                "b.lab",
            ]
        )
        == 0
    )
    assert served[0][0] == Settings(
        model=Path("model.ckpt"),
        data=Path("d"),
        port=0,
        root_path="/skin",
        hosts=("a.lab", "b.lab"),
        members_only=True,
        max_upload=5,
        max_accounts=7,
        training="nobody",
        device="cpu",
        detector="y.onnx",
        language="ko",
        advice=Path("a.yaml"),
        clinics=Path("c.csv"),
    )
    assert served[0][1].endswith("/skin/")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_whoever_serves_other_machines_is_told_of_https(
    served: Any, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert main(["demo", "--port", "0", "--host", host]) == 0
    assert f"warning: --host {host}: other machines can reach the demo" in capsys.readouterr().err
    assert "https" not in served[0][1]


def test_a_port_that_is_taken_is_one_message(served: Any, taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", str(taken)]) == 2
    message = capsys.readouterr().err
    assert f"--port {taken}: " in message
    assert "in use" in message
    assert "give another host or port" in message
    assert not served


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "99999"], "--port 99999"),
        (["--port", "-1"], "--port"),
        (["--max-upload", "0"], "--max-upload"),
        (["--root-path", "skin"], "--root-path 'skin'"),
        (["--root-path", "/skin/"], "--root-path"),
        (["--root-path", "/../x"], "--root-path"),
        (["--root-path", "/a\r\nSet-Cookie: b"], "--root-path"),
        (["--hosts", "https://skin.lab"], "--hosts 'https://skin.lab': not a host name"),
        (["--hosts", "skin.lab:443"], "--hosts 'skin.lab:443'"),
        (["--hosts", "skin.lab", "runs/first"], "--hosts 'runs/first': not a host name"),
        (["--hosts", ""], "--hosts ''"),
        (["--language", "de"], "unknown language 'de'"),
        (["--max-accounts", "-1"], "--max-accounts"),
        (["--training", "owners"], "did you mean 'owner'"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid"),
        (["--hots", "x"], "--hots"),
    ],
)
def test_an_option_that_cannot_be_is_one_message(
    served: Any, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["demo", *options]) == 2
    assert message in capsys.readouterr().err
    assert not served


def test_a_model_that_is_not_there_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path / "no.ckpt"), "--port", "0", "--data", str(tmp_path / "data")]) == 2
    assert "no.ckpt" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["advice", "clinics"])
def test_a_file_that_is_not_there_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["demo", "--port", "0", "--data", str(tmp_path / "data"), f"--{option}", str(tmp_path / "none")]) == 2
    assert f"--{option} {tmp_path / 'none'}: No such file" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, multiskin.cli as c\n"
        "try: c.main(['demo', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'gradio', 'fastapi', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--members-only" in done.stdout


def test_app_py_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: multiskin demo")
