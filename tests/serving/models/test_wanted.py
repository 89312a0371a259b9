"""What is wanted of each model is one small file that every process follows."""

import fcntl
import json
import threading
from pathlib import Path

import pytest

from app.errors import ConfigurationError, NotReady
from app.serving.models.loader import ServingOptions
from app.serving.models.repository import Repository
from app.serving.models.wanted import FILE, Wanted, WantedVersions, state_folder
from tests.doubles import TASKS, write_biased
from tests.serving.models.life import PATIENCE


def begin(folder: Path, *pinned: str) -> None:
    """What the start of a service does with its folder."""
    with state_folder(folder, pinned, temporary=False) as used:
        assert used == folder


def test_wishes_are_kept_and_read_by_others(tmp_path: Path) -> None:
    one, other = WantedVersions(tmp_path), WantedVersions(tmp_path)
    assert one.all() == {}
    one.put("a", "2")
    other.put("b", unloaded=True)
    assert one.all() == other.all()
    assert (one.all()["a"].version, one.all()["a"].unloaded) == ("2", False)
    assert (one.all()["b"].version, one.all()["b"].unloaded) == (None, True)
    assert one.put("a", "2") != one.put("a", "2")  # a wish that is repeated is a new one
    one.forget(["a", "c"])
    assert set(other.all()) == {"b"}
    assert sorted(each.name for each in tmp_path.iterdir()) == [FILE, "wanted.lock"]


def test_without_a_folder_they_are_kept_in_memory() -> None:
    known = WantedVersions()
    known.put("a")
    assert set(known.all()) == {"a"}
    assert WantedVersions().all() == {}


def test_no_wish_of_several_is_lost(tmp_path: Path) -> None:
    def put(name: str) -> None:
        for number in range(1, 21):
            WantedVersions(tmp_path).put(name, str(number))

    threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    known = WantedVersions(tmp_path).all()
    assert {name: each.version for name, each in known.items()} == dict.fromkeys("abcd", "20")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"a": {"version": 2}}', '{"a": {"version": "2\\n"}}', '{"../a": {}}']
)
def test_another_file_is_refused_in_words(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=FILE):
        WantedVersions(tmp_path).all()
    with pytest.raises(ConfigurationError, match=r"^UNROLL_STATE_DIR: .* cannot be used: wanted"):
        begin(tmp_path)
    with pytest.raises(ValueError, match=FILE):
        WantedVersions(tmp_path).put("b")
    assert (tmp_path / FILE).read_text(encoding="utf-8") == content


def test_the_settings_win_when_a_service_starts(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    begin(folder)
    WantedVersions(folder).put("a", "2")
    WantedVersions(folder).put("b", "2")
    begin(folder, "a")
    assert set(WantedVersions(folder).all()) == {"b"}


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"^UNROLL_STATE_DIR: .*file/state cannot be used"):
        begin(tmp_path / "file" / "state")


def test_a_temporary_folder_lasts_as_long_as_the_service() -> None:
    with state_folder(None, [], temporary=True) as folder:
        assert folder is not None
        WantedVersions(folder).put("a", "2")
    assert not folder.exists()
    with state_folder(None, [], temporary=False) as folder:
        assert folder is None


def test_a_process_that_holds_the_lock_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.serving.models.wanted.LOCK_SECONDS", 0.1)
    with (tmp_path / "wanted.lock").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="locked by another process"):
            WantedVersions(tmp_path).put("a")


def repository(root: Path, state: Path, **pins: str) -> Repository:
    options = ServingOptions(retire_seconds=PATIENCE)
    known = WantedVersions(state)
    return Repository(root, TASKS, options=options, pinned_versions=pins, wanted=known)


def served(one: Repository) -> dict[str, str]:
    return {each.name: each.version for each in one.loaded()}


@pytest.fixture(name="root")
def versions(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    for version in ("1", "2", "3"):
        write_biased(root, version, float(version))
    return root


def test_processes_follow_each_other(tmp_path: Path, root: Path) -> None:
    one, other = repository(root, tmp_path), repository(root, tmp_path)
    one.load_all()
    other.load_all()
    try:
        one.load("mean", "1")
        other.follow()
        assert served(other) == {"mean": "1"}
        other.refresh()  # pinned there, too
        assert served(other) == {"mean": "1"}
        other.unload("mean")
        one.refresh()  # the watcher follows as well
        assert served(one) == {}
        one.load("mean", "3")
        other.follow()
        for each in (root / "mean" / "3").iterdir():
            each.unlink()
        (root / "mean" / "3").rmdir()
        one.load("mean")  # the highest that is left, below what is served
        other.follow()
        assert served(one) == served(other) == {"mean": "2"}
        write_biased(root, "4", 4.0)
        other.refresh()
        assert served(other) == {"mean": "4"}  # the highest is wanted
    finally:
        one.close()
        other.close()


def test_whoever_comes_later_begins_with_what_is_wanted(tmp_path: Path, root: Path) -> None:
    WantedVersions(tmp_path).put("mean", "2")
    for pins in ({}, {"mean": "1"}):  # what came after the start wins
        later = repository(root, tmp_path, **pins)
        later.load_all()
        assert served(later) == {"mean": "2"}
        later.close()
    WantedVersions(tmp_path).put("mean", unloaded=True)
    WantedVersions(tmp_path).put("gone", unloaded=True)
    later = repository(root, tmp_path)
    later.load_all()
    assert served(later) == {}
    later.load("mean")
    assert served(later) == {"mean": "3"}
    later.close()


def test_what_cannot_be_kept_is_not_done(tmp_path: Path, root: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    one = repository(root, state)
    one.load_all()
    (state / FILE).write_text("{", encoding="utf-8")
    try:
        for change in (lambda: one.load("mean", "1"), lambda: one.unload("mean")):
            with pytest.raises(NotReady, match="cannot be kept"):
                change()
            assert served(one) == {"mean": "3"}
        one.refresh()  # an unreadable file changes nothing, and is told
        assert served(one) == {"mean": "3"}
        assert any(FILE in each for each in one.problems())
        (state / FILE).unlink()
        one.load("mean", "1")
        assert served(one) == {"mean": "1"}
        assert json.loads((state / FILE).read_text(encoding="utf-8"))["mean"]["version"] == "1"
        one.refresh()
        assert one.problems() == []
    finally:
        one.close()


def test_the_file_is_always_whole(tmp_path: Path) -> None:
    WantedVersions(tmp_path).put("a", "1")
    before = (tmp_path / FILE).stat().st_ino
    WantedVersions(tmp_path).put("a", "2")
    assert (tmp_path / FILE).stat().st_ino != before  # replaced, not written over
    assert Wanted().version is None
