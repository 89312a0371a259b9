"""Every form in docs/your-data.md reads as the page says."""

import re
from pathlib import Path

import numpy as np
import pytest

from app.training.forecast.tables.series import read_table

PAGE = (Path(__file__).parents[4] / "docs" / "your-data.md").read_text(encoding="utf-8")
SERIES = PAGE.partition("## Series")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (.+?) \| (`.+?`) \| (.+?) \|$", SERIES, flags=re.MULTILINE)
FORMS = {form: (example, said) for form, example, said in ROWS if "<br>" in example}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_reads_as_the_page_says(tmp_path: Path, form: str) -> None:
    example, said = FORMS[form]
    lines = [line.strip("`") for line in example.split("<br>")]
    (tmp_path / "example.csv").write_text("\n".join(lines) + "\n")
    table = read_table(tmp_path / "example.csv", shortest=1)
    frequency, _, listed = said.rpartition(": ")
    expected = [entry.split() for entry in listed.split("; ")]
    assert len(expected) == len(table.series)
    for one, entry in zip(table.series, expected, strict=True):
        name, *numbers = entry if frequency else [one.name, *entry]
        assert name in one.name
        assert one.frequency == (frequency or None)
        np.testing.assert_array_equal(one.values, [float(number) for number in numbers])


def test_the_page_has_forms() -> None:
    assert len(FORMS) > 15
