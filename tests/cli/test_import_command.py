"""`unroll import`: what it prints, what it asks for, how it ends."""

import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import run
from tests.training.importing.graphs import Net


def imported(folder: Path, *options: str, net: Net | None = None) -> tuple[int, str, str]:
    path = (net or Net()).save(folder)
    return run("import", str(path), "--out", str(folder / "models"), *options)


def test_a_right_graph_is_published(tmp_path: Path) -> None:
    net = Net(states=("h0", "hn", "c0", "cn"), pooling="steps")
    code, out, err = imported(tmp_path, "--name", "mine", net=net)
    assert (code, err) == (0, "")
    assert out == (
        "net.onnx: lstm, 144 parameters, opset 20\n"
        "  input  x FP32 [batch, time, 3]\n"
        "  input  lengths INT64 [batch] = steps of each row\n"
        "  input  h0 FP32 [1, batch, 4] = state, continued by hn\n"
        "  input  c0 FP32 [1, batch, 4] = state, continued by cn\n"
        "  output y FP32 [batch, time, 4]\n"
        "  output hn FP32 [1, batch, 4]\n"
        "  output cn FP32 [1, batch, 4]\n"
        "note: it streams: sequences in parts are answered as the whole, to the bit\n"
        f"published {tmp_path / 'models' / 'mine' / '1'}\n"
    )
    code, out, _ = run("models", "--models-dir", str(tmp_path / "models"), COLUMNS="200")
    assert code == 0
    assert "tensor" in out


def test_it_is_published_where_a_service_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Net(states=("h0", "hn", "c0", "cn"), pooling="steps")
    path = net.save(tmp_path)
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "repository"
    code, out, _ = run("import", str(path), "--name", "mine", UNROLL_MODELS_DIR=str(root))
    assert code == 0
    assert out.endswith(f"published {root / 'mine' / '1'}\n")
    assert "mine" in run("models", UNROLL_MODELS_DIR=str(root), COLUMNS="200")[1]
    code, _, err = run("import", str(path), "--name", "mine", UNROLL_PORT="x")
    assert (code, err.count("\n")) == (2, 1)


def test_a_hidden_state_is_taken_out_for_streams(tmp_path: Path) -> None:
    net = Net(lengths=False, pooling="steps")
    code, out, err = imported(tmp_path, "--name", "mine", "--stream", net=net)
    assert (code, err) == (0, "")
    assert "  input  h_1 FP32 [batch, 4] = state, continued by next_h_1\n" in out
    assert "note: it streams: sequences in parts are answered as the whole" in out
    card = (tmp_path / "models" / "mine" / "1" / "README.md").read_text(encoding="utf-8")
    assert "It streams: `PUT /streams/NAME` opens a stream of it" in card
    net = Net(lengths=False, direction="bidirectional")
    code, out, err = imported(tmp_path, "--name", "other", "--stream", net=net)
    assert (code, err) == (1, "net.onnx is not published as other\n")
    assert "\nproblem: LSTM" in out
    assert "is bidirectional: its first answer needs the last step" in out


def test_a_wrong_one_is_not_and_the_fix_is_told(tmp_path: Path) -> None:
    code, out, err = imported(tmp_path, "--name", "mine", net=Net(lengths=False))
    assert code == 1
    assert "\nproblem: lengths are missing: padding changes the answers" in out
    assert "\n   fix: give the graph an int64 input lengths (batch)" in out
    assert err == "net.onnx is not published as mine\n"
    assert not (tmp_path / "models").exists()


def test_checking_publishes_nothing(tmp_path: Path) -> None:
    code, out, _ = imported(tmp_path, "--name", "mine", "--check")
    assert code == 0
    assert out.endswith("nothing keeps it from being published\n")
    assert not (tmp_path / "models").exists()


def test_everything_can_be_told(tmp_path: Path) -> None:
    net = Net(states=("a", "b", "c", "d"), lengths_name="n", batch="p", time="q")
    options = ("--batch-axis", "x=0", "--time-axis", "x=1", "--lengths", "n", "--values", "x=0:1")
    states = ("--state", "a=b", "--state", "c=d", "--labels", "w,x,y,z")
    code, out, err = imported(tmp_path, "--name", "mine", *options, *states, net=net)
    assert (code, err) == (0, "")
    assert "input  n INT64 [batch] = steps of each row" in out
    assert "input  a FP32 [1, batch, 4] = state, continued by b" in out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), "say either --name or --version-of"),
        (("--name", "a", "--version-of", "a"), "say either --name or --version-of"),
        (("--name", "A"), "--name: 'A' is no name"),
        (("--version-of", "a"), "--version-of: there is no model a"),
        (("--name", "a", "--batch-axis", "x"), "--batch-axis: expected [NAME=]AXIS"),
        (("--name", "a", "--time-axis", "y=1"), "--time-axis: there is no input 'y'"),
        (("--name", "a", "--state", "h0"), "--state: expected INPUT=OUTPUT"),
        (("--name", "a", "--values", "x=1"), "--values: expected NAME=LOW:HIGH"),
        (("--name", "a", "--values", "x=2:1"), "--values: 'x=2:1' is no range"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, options: tuple[str, ...], text: str) -> None:
    code, out, err = imported(tmp_path, *options)
    assert (code, out) == (2, "")
    assert err.startswith(text)
    assert err.count("\n") == 1


def test_a_file_that_is_no_graph_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_text("no graph", encoding="utf-8")
    code, out, err = run("import", str(path), "--name", "mine")
    assert (code, out) == (1, "")
    assert "net.onnx is no ONNX graph: " in err
    assert err.count("\n") == 1


def test_without_onnx_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Net().save(tmp_path)
    for name in [name for name in sys.modules if name.startswith("app.training.importing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = run("import", str(path), "--name", "mine")
    assert code == 2
    assert err.startswith("onnx is missing: importing needs more packages than the service")
    assert err.count("\n") == 1
