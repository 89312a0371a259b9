"""Reading series and splitting them: nothing that is reported may have been trained on."""

import os
from pathlib import Path

import numpy as np
import pytest

from app.features.series import SeriesOptions
from app.training.forecast.data import Series, read_series, sha256_of
from app.training.forecast.windows import Group, cut

DATA = Path(os.environ.get("UNROLL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="UNROLL_DATA names no folder of data")


def line(points: int, key: str = "a") -> Series:
    return Series("made", key, np.arange(points, dtype=np.float64) + 1.0, "MS", 12, 6)


def test_known_and_future_share_no_point() -> None:
    one = line(50)
    assert len(one.known()) == 44
    assert len(one.future()) == 6
    np.testing.assert_array_equal(np.concatenate([one.known(), one.future()]), one.values)


def test_the_part_of_a_series_follows_from_its_id_alone() -> None:
    parts = [line(20, str(i)).part for i in range(2000)]
    shares = {part: parts.count(part) / len(parts) for part in set(parts)}
    assert shares.keys() == {"unseen", "select", "report"}
    assert shares["unseen"] == pytest.approx(0.10, abs=0.03)
    assert shares["select"] == pytest.approx(0.45, abs=0.05)


def test_training_windows_never_touch_the_held_out_end() -> None:
    one = line(60)
    poisoned = Series("made", "a", one.values.copy(), "MS", 12, 6)
    poisoned.values[-6:] = np.nan
    group = Group(horizon=12, per_series=30, weight=1)
    options = SeriesOptions(context_length=24)
    cuts = [cut([s], group, options, 12, np.random.default_rng(0)) for s in (one, poisoned)]
    assert cuts[0] is not None
    assert cuts[1] is not None
    assert len(cuts[0]) > 10
    np.testing.assert_array_equal(cuts[0].target, cuts[1].target)
    np.testing.assert_array_equal(cuts[0].context, cuts[1].context)


def test_series_of_ones_own_are_read_from_csv(tmp_path: Path) -> None:
    rows = ["day,sales,visits,note"]
    rows += [f"2024-01-{d:02d},{d * 1.5},{'' if d == 3 else d},x" for d in range(1, 31)]
    (tmp_path / "shop.csv").write_text("\n".join(rows))
    sales, visits = read_series(tmp_path)
    assert sales.id == "shop-sales"
    assert sales.frequency == "D"
    assert sales.season_length == 7
    assert len(sales.values) == 30
    assert 1 <= sales.horizon <= 7
    assert np.isnan(visits.values[2])
    assert sha256_of(tmp_path, {"csv"}).keys() == {"shop.csv"}


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"\*\.csv"):
        read_series(tmp_path)
    with pytest.raises(ValueError, match="unknown collection"):
        read_series(tmp_path, ("m5",))
    with pytest.raises(FileNotFoundError, match="m3"):
        read_series(tmp_path, ("m3",))


@needs_data
def test_public_collections_have_the_stated_sizes() -> None:
    small = read_series(DATA, ("m1", "tourism", "m4_weekly", "nn5", "classic"))
    sizes: dict[str, int] = {}
    for one in small:
        sizes[one.dataset] = sizes.get(one.dataset, 0) + 1
    assert sizes == {"m1": 1001, "tourism": 1311, "m4_weekly": 359, "nn5": 111, "classic": 19}
    missing = sum(int(np.isnan(s.values).sum()) for s in small if s.dataset == "nn5")
    assert missing == 1677
    [bus] = [s for s in small if s.id == "cta-bus"]
    assert len(bus.values) == 7701 - 62
