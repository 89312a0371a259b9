"""A table in any usual form reads back as the numbers that were written."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.training.forecast.tables.options import TableOptions
from app.training.forecast.tables.series import read_table
from tests.training.forecast.tables.forms import (
    DAYS,
    MONTHS,
    ROWS,
    VALUES,
    Number,
    check,
    comma,
    long,
    read,
    without_date,
    written,
)

BIG = VALUES * 1000  # with thousands


def grouped(mark: str, decimal: str = ".") -> Number:
    table = str.maketrans({",": mark, ".": decimal})
    return lambda value: f"{value:,.2f}".translate(table)


def with_index(text: str, start: int, name: str = "") -> str:
    head, *lines = text.splitlines()
    return "\n".join([f"{name},{head}", *(f"{i + start},{x}" for i, x in enumerate(lines))])


def shuffled(text: str) -> str:
    head, *lines = text.splitlines()
    order = np.random.default_rng(1).permutation(len(lines))
    return "\n".join([head, *(lines[i] for i in order)])


def reversed_rows(text: str) -> str:
    head, *lines = text.splitlines()
    return "\n".join([head, *lines[::-1]])


PLAIN = written()
# form -> content
MONTHLY: dict[str, str] = {
    "plain": PLAIN,
    "semicolon": written(separator=";"),
    "semicolon, decimal comma": written(separator=";", number=comma),
    "tab": written(separator="\t"),
    "tab, decimal comma": written(separator="\t", number=comma),
    "pipe": written(separator="|"),
    "space": written(separator=" "),
    "several spaces": written(separator="    "),
    "comma and space": written(separator=", "),
    "quoted": written(quote='"'),
    "quoted decimal comma": written(quote='"', number=comma),
    "carriage returns": written(line_end="\r\n"),
    "old line ends": written(line_end="\r"),
    "newest first": reversed_rows(PLAIN),
    "shuffled": shuffled(PLAIN),
    "comments": "# made by hand\n# twice\n" + PLAIN + "# the end\n",
    "header in a comment": "#date,a,b\n" + written(head=None),
    "blank lines": PLAIN.replace("\n2019", "\n\n2019"),
    "no newline at the end": PLAIN.rstrip("\n"),
    "separators at the end": PLAIN.replace("\n", ",,\n"),
    "sep line": "sep=;\n" + written(separator=";", number=comma),
    "index": with_index(PLAIN, 0),
    "index from one": with_index(PLAIN, 1, "rownames"),
    "index of pandas": with_index(PLAIN, 0, "Unnamed: 0"),
    "units": PLAIN.replace("date,a,b\n", "date,a,b\n,kWh,EUR\n"),
    "units with a name": PLAIN.replace("date,a,b\n", "date,a,b\ndate,kWh,EUR\n"),
    "empty column": PLAIN.replace("\n", ",\n").replace("b,", "b,c"),
    "text column": "\n".join(
        f"{line},{'note' if i == 0 else 'fine'}" for i, line in enumerate(PLAIN.splitlines())
    ),
    "total": PLAIN + f"Total,{VALUES[:, 0].sum():.2f},{VALUES[:, 1].sum():.2f}\n",
    "sum without a word": PLAIN + f",{VALUES[:, 0].sum():.2f},{VALUES[:, 1].sum():.2f}\n",
    "long": long(PLAIN),
    "long, other names": long(PLAIN, "store,day,sales"),
    "long, newest first": long(reversed_rows(PLAIN)),
    "long by dates": "\n".join(
        ["unique_id,ds,y", *sorted(long(PLAIN).splitlines()[1:], key=lambda x: x[2:])]
    ),
    "long, codes": long(PLAIN, "store,day,sales").replace("\na,", "\n1,").replace("\nb,", "\n2,"),
    "repeated rows": PLAIN + PLAIN.splitlines()[5] + "\n",
    "day first": written(stamp=lambda d: d.strftime("%d/%m/%Y")),
    "month first": written(stamp=lambda d: d.strftime("%m/%d/%Y")),
    "no leading zeros": written(stamp=lambda d: f"{d.day}/{d.month}/{d.year}"),
    "dots": written(stamp=lambda d: d.strftime("%d.%m.%Y")),
    "two digits of the year": written(stamp=lambda d: d.strftime("%d/%m/%y")),
    "dashes, day first": written(stamp=lambda d: d.strftime("%d-%m-%Y")),
    "slashes, year first": written(stamp=lambda d: d.strftime("%Y/%m/%d")),
    "basic": written(stamp=lambda d: d.strftime("%Y%m%d")),
    "yyyymm": written(stamp=lambda d: d.strftime("%Y%m")),
    "yyyymm, another name": written(stamp=lambda d: d.strftime("%Y%m"), head="when it was,a,b"),
    "yyyymm as a float": written(stamp=lambda d: d.strftime("%Y%m.0")),
    "year and month": written(stamp=lambda d: d.strftime("%Y-%m")),
    "2018M01": written(stamp=lambda d: d.strftime("%YM%m")),
    "month/year": written(stamp=lambda d: d.strftime("%m/%Y")),
    "Jan 2018": written(stamp=lambda d: d.strftime("%b %Y")),
    "January 2018": written(stamp=lambda d: d.strftime("%B %Y")),
    "Jan-18": written(stamp=lambda d: d.strftime("%b-%y")),
    "18-Jan": written(stamp=lambda d: d.strftime("%y-%b")),
    "01-JAN-2018": written(stamp=lambda d: d.strftime("%d-%b-%Y").upper()),
    "Jan 1, 2018": written(stamp=lambda d: d.strftime("%b %d %Y")),
    "midnight": written(stamp=lambda d: f"{d} 00:00:00"),
    "T and Z": written(stamp=lambda d: f"{d}T00:00:00Z"),
    "local midnights": written(stamp=lambda d: f"{d}T00:00:00+0{1 + (3 < d.month < 11)}:00"),
    "columns of year and month": written(
        stamp=lambda d: f"{d.year},{d.month}", head="year,month,a,b"
    ),
    "decimal years": written(stamp=lambda d: f"{d.year + (d.month - 1) / 12:.8f}", head="time,a,b"),
    "two header rows": PLAIN.replace("date,a,b", ",x,x\ndate,a,b"),
    "percent": written(number=lambda v: f"{v:.2f}%"),
    "percent and space": written(separator=";", number=lambda v: f"{comma(v)} %"),
    "currency": written(number=lambda v: f"${v:.2f}"),
    "exponents": written(number=lambda v: f"{v:.6e}"),
    "currency behind": written(separator=";", number=lambda v: f"{comma(v)} \u20ac"),
    "no header": written(head=None),
    "no header, tab": written(head=None, separator="\t", number=comma),
    "weekdays": written(stamp=lambda d: d.strftime("%a %d %b %Y")),
}


@pytest.mark.parametrize("form", MONTHLY)
def test_monthly_values_in_any_form(tmp_path: Path, form: str) -> None:
    table = read(tmp_path, MONTHLY[form])
    check(table)
    assert {one.first for one in table.series} == {"2018-01-01T00:00:00"}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, written(head="date,gr\u00f6\u00dfe,b").encode(encoding))
    check(table)
    assert table.series[0].name == "gr\u00f6\u00dfe"


def test_an_encoding_that_is_told(tmp_path: Path) -> None:
    content = written(head="date,\u017elu\u0165,b").encode("cp1250")
    assert (
        read(tmp_path, content, TableOptions(encoding="cp1250")).series[0].name == "\u017elu\u0165"
    )


THOUSANDS: dict[str, str] = {
    "1,234.50 in quotes": written(quote='"', number=grouped(","), values=BIG),
    "1,234.50 by semicolons": written(separator=";", number=grouped(","), values=BIG),
    "1.234,50": written(separator=";", number=grouped(".", ","), values=BIG),
    "1 234,50": written(separator=";", number=grouped(" ", ","), values=BIG),
    "1 234,50 with narrow spaces": written(
        separator=";", number=grouped("\u202f", ","), values=BIG
    ),
    "1'234.50": written(separator=";", number=grouped("'"), values=BIG),
    "$1,234.50": written(quote='"', number=lambda v: f"${v:,.2f}", values=BIG),
}


@pytest.mark.parametrize("form", THOUSANDS)
def test_thousands(tmp_path: Path, form: str) -> None:
    check(read(tmp_path, THOUSANDS[form]), BIG)


def test_three_decimals_are_no_thousands(tmp_path: Path) -> None:
    values = np.round(VALUES + 0.001, 3)
    check(read(tmp_path, written(number=lambda v: f"{v:.3f}", values=values)), values)


def test_a_decimal_mark_that_is_told(tmp_path: Path) -> None:
    values = np.round(VALUES / 100, 3)  # 1.234 and the like, always three digits behind
    content = written(separator=";", number=lambda v: f"{v:.3f}", values=values)
    check(read(tmp_path, content, TableOptions(decimal=".")), values)
    check(read(tmp_path, content, TableOptions(decimal=",")), values * 1e3)


@pytest.mark.parametrize(
    "token", ["", "?", "-", "NA", "n/a", "N/A", ".", "..", "NaN", "null", "None", "#N/A", "--"]
)
def test_missing_values(tmp_path: Path, token: str) -> None:
    lines = PLAIN.splitlines()
    day, _, b = lines[6].split(",")
    lines[6] = f"{day},{token},{b}"
    expected = VALUES.copy()
    expected[5, 0] = np.nan
    check(read(tmp_path, "\n".join(lines)), expected)


@pytest.mark.parametrize("token", ["inf", "-inf", "Infinity", "1e999", "\u221e"])
def test_infinite_values_are_missing_with_a_word(tmp_path: Path, token: str) -> None:
    lines = PLAIN.splitlines()
    lines[6] = f"{lines[6].split(',')[0]},{token},{VALUES[5, 1]}"
    expected = VALUES.copy()
    expected[5, 0] = np.nan
    table = read(tmp_path, "\n".join(lines))
    check(table, expected)
    assert any("infinite" in note and "line 7" in note for note in table.notes)


def test_gaps_are_filled_with_missing(tmp_path: Path) -> None:
    lines = PLAIN.splitlines()
    del lines[12:14]
    expected = VALUES.copy()
    expected[11:13] = np.nan
    for one, column in zip(read(tmp_path, "\n".join(lines)).series, expected.T, strict=True):
        np.testing.assert_allclose(one.values, column)
        assert (one.frequency, one.gaps, one.missing) == ("MS", 2, 2)


def test_one_column(tmp_path: Path) -> None:
    for text in (
        "sales\n" + "".join(f"{a}\n" for a in VALUES[:, 0]),
        "".join(f"{a}\n" for a in VALUES[:, 0]),
        "sales\n" + "".join(f"{comma(a)}\n" for a in VALUES[:, 0]),
        without_date(written(head="date,sales", values=VALUES[:, :1])),
    ):
        check(read(tmp_path, text), VALUES[:, :1], None)
    total = f"{VALUES[:, 0].sum():.2f}"
    table = read(tmp_path, "sales\n" + "".join(f"{a}\n" for a in VALUES[:, 0]) + total)
    check(table, VALUES[:, :1], None)
    assert any("sum of the rows above" in note for note in table.notes)


def test_names_that_are_numbers(tmp_path: Path) -> None:
    for head in (",0,1", "date,17,23"):
        check(read(tmp_path, written(head=head)))
    text = "0,1\n" + "".join(f"{a},{b}\n" for a, b in VALUES)
    check(read(tmp_path, text), VALUES, None)


def test_columns_that_are_told(tmp_path: Path) -> None:
    text = "x,s,when,q,p\n" + "".join(
        f"{i},{name},{day},{a},{b}\n"
        for name in ("u", "v")
        for i, (day, (a, b)) in enumerate(zip(DAYS, VALUES, strict=True))
    )
    options = TableOptions(time="when", target=("p",), series=("s",))
    table = read(tmp_path, text, options)
    assert [one.name for one in table.series] == ["u", "v"]
    for one in table.series:
        np.testing.assert_allclose(one.values, VALUES[:, 1])
        assert one.frequency == "D"


def test_rows_in_order_where_no_time_is_wanted(tmp_path: Path) -> None:
    text = "label,a\n" + "".join(f"x{i},{a}\n" for i, a in enumerate(VALUES[:, 0]))
    check(read(tmp_path, text, TableOptions(time="none")), VALUES[:, :1], None)


def test_compressed_and_parquet(tmp_path: Path) -> None:
    check(read(tmp_path, gzip.compress(PLAIN.encode())))
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(VALUES / 3, columns=["a", "b"])
    frame.insert(0, "ds", pd.to_datetime(MONTHS))
    for table in (frame, frame.set_index("ds")):
        table.to_parquet(tmp_path / "t.parquet")
        check(read_table(tmp_path / "t.parquet"), VALUES / 3)


def test_short_series_are_left_out_with_a_word(tmp_path: Path) -> None:
    text = long(PLAIN) + "c,2020-01-01,5\nc,2020-02-01,6\n"
    table = read(tmp_path, text)
    check(table)
    assert any("'c'" in note and "fewer than 8" in note for note in table.notes)


def test_steps_without_dates_put_rows_in_order(tmp_path: Path) -> None:
    rows = [(name, i, VALUES[i, j]) for j, name in enumerate("ab") for i in range(ROWS)]
    for head in ("unique_id,ds,y", "unique_id,t,value", "series_id,time,value"):
        text = head + "\n" + "".join(f"{name},{i + 1},{value}\n" for name, i, value in rows)
        check(read(tmp_path, text), VALUES, None)
    seconds = "time,a,b\n" + "".join(f"{i * 0.05:.2f},{a},{b}\n" for i, (a, b) in enumerate(VALUES))
    check(read(tmp_path, seconds), VALUES, None)


def test_a_number_that_names_one_series_is_no_value(tmp_path: Path) -> None:
    text = "date,a,b,store\n" + written(head=None).replace("\n", ",7\n")
    table = read(tmp_path, text)
    check(table)
    assert any("'store' left out" in note for note in table.notes)
