"""Readers, headers, names and splits: the traps that make authorship look easy."""

import gzip
import os
from pathlib import Path

import pytest

from app.features.characters import mask
from app.training.authorship.data import (
    COURSE_UNKNOWN,
    Corpus,
    Document,
    grouped_folds,
    latest_fold,
    near_duplicates,
    read_corpus,
    strip_header,
)

DATA = Path(os.environ.get("UNROLL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="UNROLL_DATA names no folder of data")
PROSE = "It has been frequently remarked that it seems to have been reserved to the people of this"


def corpus(*counts: int) -> Corpus:
    documents = [
        Document(f"{author}/{i}", f"author {author}", f"text {i} of author {author}, " * 20, i)
        for author, count in enumerate(counts)
        for i in range(count)
    ]
    authors = tuple(f"author {author}" for author in range(len(counts)))
    return Corpus("folders", authors, tuple(documents), (), {})


def test_headers_and_signatures_go_and_bylines_are_masked() -> None:
    text = f" 16\n\nThe Same Subject\n\nHAMILTON AND JAY\n\n{PROSE}\n\nYes.\n\n{PROSE}\n\nPUBLIUS."
    stripped, bylines = strip_header(text)
    assert stripped == f"{PROSE}\n\nYes.\n\n{PROSE}"
    assert bylines == {"hamilton", "publius"}


def test_a_text_of_short_paragraphs_is_left_alone() -> None:
    poem = "Shall I compare thee\n\nto a summer's day"
    assert strip_header(poem) == (poem, set())


def test_folders_are_authors_and_one_is_unknown(tmp_path: Path) -> None:
    for name in ("MaryShelley", "John Smith", "Unknown"):
        (tmp_path / name).mkdir()
        for i in (2, 10, 1):
            path = tmp_path / name / f"text_{i}.txt"
            path.write_text(f"CHAPTER\n\nGODWIN\n\n{PROSE} {name} {i}", encoding="utf-8")
    found = read_corpus(tmp_path)
    assert found.authors == ("John Smith", "MaryShelley")
    assert [one.order for one in found.documents] == [0, 1, 2] * 2
    assert [one.name for one in found.documents][:3] == [
        f"John Smith/text_{i}.txt" for i in (1, 2, 10)
    ]
    assert {"shelley", "smith", "godwin", "publius"} <= set(found.masked_words)
    assert "mary" not in found.masked_words
    assert len(found.others["unknown"]) == 3
    assert not any("GODWIN" in one.text for one in found.documents)


@pytest.mark.parametrize("names", [(), ("one",)], ids=str)
def test_what_cannot_be_learned_from_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_corpus(tmp_path / "nowhere")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(PROSE, encoding="utf-8")
    with pytest.raises((FileNotFoundError, ValueError), match=r"no folders|one author"):
        read_corpus(tmp_path)


def test_near_duplicates_share_a_group() -> None:
    words = [f"w{i}" for i in range(60)]
    changed = [*words[:50], "now", "it", "ends", "otherwise"]
    groups = near_duplicates([" ".join(words), " ".join(reversed(words)), " ".join(changed)])
    assert groups[0] == groups[2] != groups[1]


def test_every_text_is_held_out_once_and_authors_are_spread() -> None:
    made = corpus(51, 14, 5)
    folds = grouped_folds(made, 14)
    assert sorted(i for fold in folds for i in fold) == list(range(70))
    assert {len(fold) for fold in folds} == {5}
    labels = made.labels()
    assert all(sum(labels[i] == 1 for i in fold) == 1 for fold in folds)


def test_near_duplicates_are_held_out_together() -> None:
    twins = " ".join(f"w{i}" for i in range(40))
    documents = [*corpus(6, 6).documents]
    documents[1] = Document("a", "author 0", twins)
    documents[8] = Document("b", "author 1", twins)
    made = Corpus("folders", ("author 0", "author 1"), tuple(documents), (), {})
    [fold] = [fold for fold in grouped_folds(made, 4) if 1 in fold]
    assert 8 in fold


def test_the_latest_texts_are_held_out_unless_they_were_there_before() -> None:
    made = corpus(10, 10)
    held = latest_fold(made, 0.2)
    assert held == [8, 9, 18, 19]
    documents = list(made.documents)
    repeated = " ".join(f"w{i}" for i in range(40))
    documents[0] = Document("early", "author 0", repeated, 0)
    documents[9] = Document("late", "author 0", repeated, 9)
    again = Corpus("folders", made.authors, tuple(documents), (), {})
    assert latest_fold(again, 0.2) == [8, 18, 19]


def test_reuters_has_its_own_layout(tmp_path: Path) -> None:
    rows = "".join(
        f'{author},{i}newsML.txt,"story {i} of {author}"\n'
        for author in ("AlanCrosby", "LynneO'Donnell")
        for i in (5, 12)
    )
    for name in ("train.csv.gz", "test.csv.gz"):
        with gzip.open(tmp_path / name, "wt", encoding="utf-8") as file:
            file.write("author,file,text\n" + rows)
    found = read_corpus(tmp_path)
    assert found.kind == "reuters"
    assert found.masked_words == ("crosby", "o'donnell")
    assert [one.order for one in found.documents] == [5, 12, 5, 12]
    assert len(found.others["official test"]) == 4


@needs_data
def test_the_federalist_papers_are_clean() -> None:
    found = read_corpus(DATA / "federalist")
    counts = [sum(one.author == author for one in found.documents) for author in found.authors]
    assert dict(zip(found.authors, counts, strict=True)) == {
        "Hamilton": 51,
        "Jay": 5,
        "Madison": 14,
    }
    back = {one.order for one in found.documents if one.kept_back}
    assert back == set(COURSE_UNKNOWN)
    assert {one.order for one in found.others["disputed"]} == {*range(49, 59), 62, 63}
    assert {one.order for one in found.others["joint"]} == {18, 19, 20}
    for one in (*found.documents, *found.others["disputed"]):
        for trace in ("PUBLIUS", "To the People of the State of New York", "HAMILTON", "MADISON"):
            assert trace not in one.text, one.name


@needs_data
def test_the_course_folders_lose_their_headers() -> None:
    found = read_corpus(DATA / "federalist" / "papers")
    assert found.authors == ("A", "B")
    assert len(found.documents) == 32
    assert {"hamilton", "madison", "publius"} <= set(found.masked_words)
    for one in (*found.documents, *found.others["unknown"]):
        seen = mask(one.text, None, set(found.masked_words))  # PUBLIUS stays where footnotes follow
        assert not any(name in seen for name in ("HAMILTON", "MADISON", "PUBLIUS")), one.name
        assert len(one.text) > 5000


def write_authors(root: Path, encoding: str, mark: bytes = b"") -> None:
    for author in ("Ann Lee", "Bob Ray"):
        (root / author).mkdir(parents=True)
        for i in range(3):
            text = f"{PROSE} über {author} {i}".encode(encoding)
            (root / author / f"{i}.txt").write_bytes(mark + text)


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-8", b"\xef\xbb\xbf"), ("utf-8", b"")]
)
def test_texts_are_read_as_they_are_marked(tmp_path: Path, encoding: str, mark: bytes) -> None:
    write_authors(tmp_path, encoding, mark)
    found = read_corpus(tmp_path)
    assert found.documents[0].text == f"{PROSE} über Ann Lee 0"


def test_texts_in_another_encoding_are_refused_or_told(tmp_path: Path) -> None:
    write_authors(tmp_path, "cp1252")
    with pytest.raises(ValueError, match=r"Ann Lee/0.txt line 1, byte \d+: 0xfc is not utf-8"):
        read_corpus(tmp_path)
    found = read_corpus(tmp_path, "cp1252")
    assert found.documents[0].text == f"{PROSE} über Ann Lee 0"


def test_what_was_read_and_left_out_is_told(tmp_path: Path) -> None:
    write_authors(tmp_path, "utf-8")
    (tmp_path / "Ann Lee" / "3.TXT").write_text(PROSE)
    (tmp_path / "Ann Lee" / "4.txt").write_text(" \n")
    (tmp_path / "Ann Lee" / "5.docx").write_bytes(b"PK")
    (tmp_path / "Ann Lee" / "._0.txt").write_bytes(b"\0\xff")
    (tmp_path / "loose.txt").write_text(PROSE)
    lines: list[str] = []
    assert len(read_corpus(tmp_path, tell=lines.append).documents) == 7
    assert lines == [
        "read 7 texts of 2 authors: Ann Lee 4, Bob Ray 3",
        "left out, 4 in all: Ann Lee/._0.txt, Ann Lee/5.docx, Ann Lee/4.txt (empty), loose.txt",
    ]
