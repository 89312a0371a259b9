"""What cannot be read for certain is refused, with the file, the line and what to do."""

from datetime import date
from pathlib import Path

import pytest

from app.training.forecast.tables.options import TableOptions, TableRefused
from app.training.forecast.tables.series import read_table
from tests.training.forecast.tables.forms import DAYS, MONTHS, VALUES, comma, long, written

PLAIN = written()


def changed(line: int, content: str, text: str = PLAIN) -> str:
    """`text` with one line (from 1) replaced."""
    lines = text.splitlines()
    lines[line - 1] = content
    return "\n".join(lines) + "\n"


def day_first(day: date) -> str:
    return day.strftime("%d/%m/%Y")


LONG = long(PLAIN)
QUARTERS_THEN_MONTHS = written(dates=[*MONTHS[:24:3], *MONTHS[24:]], values=VALUES[:14])
MONTHS_THEN_QUARTERS = written(dates=[*MONTHS[:12], *MONTHS[12:27:3]], values=VALUES[:17])
# form -> (content, what the message says)
REFUSED: dict[str, tuple[str, str]] = {
    "empty": ("", "is empty"),
    "header only": ("date,a,b\n", "no row below the header"),
    "comments only": ("# nothing\n", "nothing but comments"),
    "two rows": ("date,a\n2020-01-01,1\n2020-02-01,2\n", "8 values or more.*longest has 2"),
    "a row too short": (changed(9, "2018-08-01,5"), "line 9: 2 cells, where"),
    "a row too long": (changed(9, "2018-08-01,5,6,7"), "line 9: 4 cells, where"),
    "decimal commas between commas": (
        written(number=comma, head="date,a,b"), "line 1: 3 cells, where 30 other rows have 5"
    ),
    "a footnote": (PLAIN + "Source: the office\n", "line 32: 1 cells"),
    "a word among numbers": (changed(9, "2018-08-01,many,6"), "line 9: 'many' in column 'a'"),
    "an open quote": (changed(9, '2018-08-01,"5,6'), "quot|EOF|cells"),
    "a date that is none": (changed(9, "2018-02-30,5,6"), "line 9: '2018-02-30' in column 'date'"),
    "a date in another form": (changed(9, "8/2018,5,6"), "line 9: '8/2018' in column 'date'"),
    "a date that is missing": (changed(9, ",5,6"), "line 9: has values but no date"),
    "a subtotal amid": (changed(9, "Total,5,6"), "line 9: 'Total' in column 'date'"),
    "a date twice": (changed(9, "2018-07-01,5,6"), "line 9: repeats the date 2018-07-01.*line 8"),
    "a date twice in a series": (
        LONG.replace("a,2018-08-01", "a,2018-07-01"), "line 9: repeats the date 2018-07-01"
    ),
    "marks mixed": (
        changed(9, '2018-08-01,"5,25",6', written(head="date,a,b")), "line 9: '5,25' is written"
    ),
    "thousands or decimals": (
        written(separator=";", number=lambda v: f"{v / 100:.3f}"), "line 2.*--decimal"
    ),
    "thousands or decimals, comma": (
        written(quote='"', number=lambda v: f"{v / 100:.3f}".replace(".", ",")),
        "line 2.*--decimal",
    ),
    "thousands beside whole numbers": (
        "a\n" + "".join(f"{v}\n" for v in ["950", "1.234", "980", "1.100"] * 4), "--decimal"
    ),
    "percent in some cells": (
        changed(9, "2018-08-01,5%,6"), "line 2: '100.00' in column 'a' has no percent sign.*line 9"
    ),
    "quarters, then months": (QUARTERS_THEN_MONTHS, "line 10.*not evenly spaced"),
    "months, then quarters": (MONTHS_THEN_QUARTERS, "not evenly spaced.*every step is 3"),
    "dates anyhow": (
        written(dates=[date(2020, 1, d) for d in (1, 2, 9, 11, 20, 21, 23, 24, 30)],
                values=VALUES[:9]),
        "not evenly spaced",
    ),
    "day or month": (
        written(dates=[date(2020, 2, d) for d in range(1, 11)], values=VALUES[:10],
                stamp=day_first),
        "'01/02/2020'.*day first and as month first.*--day-first",
    ),
    "labels that are no dates": (
        "label,a\n" + "".join(f"x{i},{i}.5\n" for i in range(20)), "line 2: 'x0'.*--time none"
    ),
    "a named time that is none": (
        "date,a\n" + "".join(f"x{i},{i}.5\n" for i in range(20)), "line 2: 'x0' in column 'date'"
    ),
    "an index that counts down": (
        "id,a\n" + "".join(f"{20 - i},{i}.5\n" for i in range(20)), "counts down"
    ),
    "no numbers": ("date,a\n" + "".join(f"{d},red\n" for d in DAYS), "no column of numbers"),
    "years in a row": (
        "2001,2002,2003\n" + "".join(f"{i}.5,{i},{i}\n" for i in range(9)), "line 1.*transpose"
    ),
    "series in rows": (
        "country,2001,2002,2003\n" + "".join(f"c{i},{i}.5,{i},{i}\n" for i in range(9)),
        "line 1: the times stand in a row",
    ),
    "steps that are not even": (
        "time,a\n" + "".join(f"{i * i},{i}.5\n" for i in range(20)), "line 4: '4' in column 'time'"
    ),
    "series named by a number, without dates": (
        "shop,a\n" + "".join(f"{i % 3},{i}.5\n" for i in range(20)), "'shop' may name.*--series"
    ),
    "a series without a name": (
        LONG.replace("\na,2018-08", "\n,2018-08"), "line 9: names no series in column 'unique_id'"
    ),
    "zero as a header": ("0\n" + "".join(f"{i}.5\n" for i in range(20)), "line 1: '0'.*--header"),
    "one column or two": (
        "".join(f"{i + 90},{i + 10}\n" for i in range(0, 40, 2)), "line 1: '90,10' may be two"
    ),
    "null characters": ("date,a\n2020-01-01,\x001\n" * 9, "no text|is not text"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_refused_with_the_reason(tmp_path: Path, form: str) -> None:
    content, message = REFUSED[form]
    file = tmp_path / "own.csv"
    file.write_text(content)
    with pytest.raises(TableRefused, match=message) as refusal:
        read_table(file)
    assert refusal.value.message.startswith("own.csv")
    assert "\n" not in refusal.value.message


def test_files_of_other_kinds(tmp_path: Path) -> None:
    for content, message in (
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\x1f\x8bnothing", "decompressed"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x01", "text"),
        (b"PAR1 and then nothing", "Parquet"),
    ):
        (tmp_path / "own.csv").write_bytes(content)
        with pytest.raises(TableRefused, match=message):
            read_table(tmp_path / "own.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TableOptions(time="day"), "--time: there is no column 'day'; there are 'date', 'a', 'b'"),
        (TableOptions(target=("c",)), "--target: there is no column 'c'"),
        (TableOptions(series=("c",)), "--series: there is no column 'c'"),
        (TableOptions(target=("date",)), "--target: column 'date' holds dates|no numbers"),
        (TableOptions(time="a"), "line 2: '100.00' in column 'a' is no date"),
        (TableOptions(time="a", target=("a",)), "two purposes"),
        (TableOptions(encoding="utf-99"), "no encoding 'utf-99'"),
        (TableOptions(encoding="utf-16"), "not text as utf-16"),
        (TableOptions(separator="::"), "--separator"),
        (TableOptions(decimal=","), "'100.00' is no number with ','"),
        (TableOptions(frequency="D"), "not evenly|fall|fewer|there would"),
        (TableOptions(frequency="fortnight"), "unknown frequency"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: TableOptions, message: str) -> None:
    (tmp_path / "own.csv").write_text(PLAIN)
    if options.frequency == "D":  # days of which most are missing, as they were told
        assert read_table(tmp_path / "own.csv", options).series[0].frequency == "D"
        return
    with pytest.raises(TableRefused, match=message):
        read_table(tmp_path / "own.csv", options)


def test_the_day_or_the_month_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(REFUSED["day or month"][0])
    daily = read_table(tmp_path / "own.csv", TableOptions(day_first=True))
    monthly = read_table(tmp_path / "own.csv", TableOptions(day_first=False))
    assert (daily.series[0].frequency, daily.series[0].first) == ("D", "2020-02-01T00:00:00")
    assert (monthly.series[0].frequency, monthly.series[0].first) == ("MS", "2020-01-02T00:00:00")


def test_a_sentinel_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(changed(9, "2018-08-01,-9999,6"))
    table = read_table(tmp_path / "own.csv")
    assert any("-9999" in note and "--missing" in note for note in table.notes)
    options = TableOptions(missing=("-9999",))
    assert read_table(tmp_path / "own.csv", options).series[0].missing == 1
