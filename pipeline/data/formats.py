"""Which format a file has, decided by its extension and its first bytes: both must agree. Nothing is parsed here."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from pipeline.data.report import Limits
from pipeline.errors import FileRefused, Unreadable

Kind = Literal["csv", "xlsx", "xls", "ods", "parquet", "feather", "json", "jsonl"]
EXTENSIONS: dict[str, Kind] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".tab": "csv", ".psv": "csv", ".ssv": "csv",
    ".dat": "csv", ".fwf": "csv", ".prn": "csv", ".asc": "csv",
    ".xlsx": "xlsx", ".xls": "xls", ".ods": "ods", ".parquet": "parquet", ".pq": "parquet",
    ".feather": "feather", ".arrow": "feather", ".ipc": "feather", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
TEXT: frozenset[str] = frozenset({"csv", "json", "jsonl"})
EXPECTED = (
    "CSV, TSV, fixed-width text, Excel (.xlsx, .xls), OpenDocument (.ods), Parquet, Feather, JSON or JSON Lines; text may be gzip-compressed,"
    " and any of them may be the only file in a zip"
)
HINT = f"Upload a table as {EXPECTED}."
_CHUNK = 1 << 20
_RATIO_FROM = 10 * 1024**2

# What the first bytes give away. The order matters: longer signatures first.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"ARROW1", "feather"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"{\\rtf", "a rich text document"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a sound, video or WebP file"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"BZh", "a bzip2 archive"),
    (b"\x1f\x8b", "gzip"),
    (b"MZ\x90", "a program"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_MARKUP = re.compile(rb"\s*<(!doctype|html|\?xml|svg)", re.IGNORECASE)
_CELL = re.compile(rb'<dimension[^>]*?ref="([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?"')


@dataclass(frozen=True)
class Format:
    """`kind` names the reader; `packed` is "gzip", "zip" or nothing; `suffix` is the extension of what is inside; `member` its name in a zip."""

    kind: Kind
    packed: Literal["", "gzip", "zip"]
    suffix: str
    member: str = ""


def detect(path: Path, name: str) -> Format:
    """The format of the file at `path` that its owner calls `name`.

    Raises FileRefused when the extension is not on the list or the bytes are of another type, Unreadable when it is empty.
    """
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        raise Unreadable(f"{name} is empty: it has 0 bytes.", "Export the table again and check that the file has content.")
    if name.lower().endswith(".zip"):
        return _in_zip(path, name, _by_content(head))
    kind, suffix, packed = _by_name(name)
    seen = _by_content(head)
    if packed:
        if seen != "gzip":
            raise FileRefused(f"{name} ends in .gz, but it is {_in_words(seen)}, not a gzip file.", HINT)
        seen = _by_content(_peek(path, name))
    _agree(kind, seen, name, path)
    return Format(kind, "gzip" if packed else "", suffix)


def _in_zip(path: Path, name: str, seen: str) -> Format:
    """The format of the one table in a zip archive; what a Mac adds to an archive does not count."""
    if seen != "zip":
        raise FileRefused(f"{name} ends in .zip, but it is {_in_words(seen)}.", HINT)
    with _opened_zip(path, name) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        listed = ", ".join(repr(PurePath(m.filename).name) for m in members[:5]) + (" …" if len(members) > 5 else "")
        raise FileRefused(f"{name} holds {len(members)} files ({listed}); a zip with one table is read.", "Upload the table alone.")
    if members[0].flag_bits & 1:
        raise FileRefused(f"{name} is locked with a password.", "Unpack it and upload the table inside.")
    kind, suffix, packed = _by_name(PurePath(members[0].filename).name)
    if packed:
        raise FileRefused(f"{name} holds an archive ({members[0].filename!r}).", "Unpack it and upload the table inside.")
    return Format(kind, "zip", suffix, members[0].filename)


def _by_name(name: str) -> tuple[Kind, str, bool]:
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    suffix = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    kind = EXTENSIONS.get(suffix[0])
    if kind is None:
        said = f"the extension {suffix[0]!r}" if suffix[0] else "no extension that says what it is"
        raise FileRefused(f"{name} has {said}; expected {EXPECTED}.", _advice(suffix[0]))
    if packed and kind not in TEXT:
        raise FileRefused(
            f"{name} is a compressed {kind} file; only text formats are read compressed.", "Unpack it and upload the file inside."
        )
    return kind, suffix[0], packed


def _advice(suffix: str) -> str:
    if suffix in (".xlsm", ".xlsb", ".xltx", ".xltm"):
        return "Open it in your spreadsheet program and save it as .xlsx."
    if suffix in (".pkl", ".pickle", ".joblib", ".pt", ".npy"):
        return "Such a file can run code, so it is never opened. Save the table as CSV or Parquet."
    if suffix in (".7z", ".rar", ".tar", ".bz2", ".xz"):
        return "Unpack it and upload the table inside."
    return HINT


def _by_content(head: bytes) -> str:
    """ "text", one of our binary kinds, or a description in words of what it is instead."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if _PICKLE.match(head) and not head.startswith(b"\x80\x81"):
        return "a Python pickle"
    if _MARKUP.match(head):
        return "a web page or an XML document"
    return "text" if _is_text(head) else "binary data"


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or looks_utf16(head):
        return True
    # 1 and 28 to 31 separate cells in files of some systems.
    controls = sum((byte < 9 and byte != 1) or 13 < byte < 28 for byte in head)
    return controls <= len(head) // 50


def looks_utf16(head: bytes) -> str | None:
    """ "utf-16-le" or "utf-16-be" when every other byte is mostly NUL, else None."""
    if len(head) < 8:
        return None
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None


def _peek(path: Path, name: str) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            head = file.read(4096)
    except (EOFError, OSError, zlib.error) as error:
        raise Unreadable(f"{name} cannot be unpacked: {error}.", "The upload may be cut short. Compress the table again.") from error
    if not head:
        raise Unreadable(f"{name} is empty inside.", "Export the table again and check that the file has content.")
    return head


def _agree(kind: Kind, seen: str, name: str, path: Path) -> None:
    if seen == "zip" and kind in ("xlsx", "ods"):
        seen = _zip_kind(path, name)
    wanted = "text" if kind in TEXT else kind
    if seen == wanted:
        return
    if kind == "xlsx" and seen == "xls":
        raise FileRefused(f"{name} is locked with a password, or an old .xls workbook.", "Save it without a password as .xlsx.")
    raise FileRefused(f"{name} says that it is {_in_words(kind)}, but its content is {_in_words(seen)}.", _content_advice(seen))


def _content_advice(seen: str) -> str:
    if seen in ("xlsx", "xls", "ods", "parquet", "feather"):
        return f"Rename it so that it ends in .{seen} and upload it again."
    if seen == "zip":
        return "Unpack it and upload the table inside."
    return HINT


def _in_words(kind: str) -> str:
    words = {
        "csv": "a text table", "text": "plain text", "xlsx": "an Excel workbook", "xls": "an old Excel workbook",
        "ods": "an OpenDocument spreadsheet", "parquet": "a Parquet file", "feather": "a Feather (Arrow) file", "json": "JSON", "jsonl": "JSON Lines",
        "zip": "a zip archive", "gzip": "a gzip archive",
    }  # fmt: skip
    return words.get(kind, kind)


def _zip_kind(path: Path, name: str) -> str:
    with _opened_zip(path, name) as archive:
        names = set(archive.namelist())
        if "mimetype" in names and b"opendocument.spreadsheet" in archive.open("mimetype").read(200):
            return "ods"
    return "xlsx" if any(n.startswith("xl/") for n in names) else "zip"


def _opened_zip(path: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise Unreadable(f"{name} is damaged: {error}.", "Save the workbook again, or export the sheet as CSV.") from error


def check_workbook(path: Path, name: str, limits: Limits) -> None:
    """Refuse a zipped workbook before it is parsed: by what it unpacks to, and by the dimensions that its sheets state."""
    with _opened_zip(path, name) as archive:
        members = archive.infolist()
        expanded = sum(member.file_size for member in members)
        check_expansion(expanded, path.stat().st_size, name, limits)
        for member in (member for member in members if member.filename.endswith(".xml")):
            with archive.open(member) as part:
                head = part.read(8192)
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise FileRefused(f"{name} defines its own XML entities, which no spreadsheet program does.", "Save it again as .xlsx or CSV.")
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename):
                _check_dimension(head, name, limits)


def _check_dimension(head: bytes, name: str, limits: Limits) -> None:
    found = _CELL.search(head)
    if found and found[3]:
        rows = int(found[4]) - int(found[2]) + 1
        columns = _column_number(found[3]) - _column_number(found[1]) + 1
        check_shape(rows, columns, name, limits)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def check_shape(rows: int, columns: int, name: str, limits: Limits) -> None:
    """Raise FileRefused when there are too many columns or cells."""
    if columns > limits.columns:
        raise FileRefused(f"{name} has {columns:,} columns; at most {limits.columns:,} are read.", "Keep the columns that matter.")
    if rows * columns > limits.cells:
        raise FileRefused(
            f"{name} has {rows:,} rows and {columns:,} columns, {rows * columns:,} cells; at most {limits.cells:,} are read.",
            "Take a sample of the rows, or delete stray cells far outside the table.",
        )


def check_expansion(expanded: int, packed: int, name: str, limits: Limits) -> None:
    """Raise FileRefused when unpacking gives more than the limit, or suspiciously much for its size."""
    if expanded > limits.expanded_bytes:
        raise FileRefused(
            f"{name} unpacks to more than {limits.expanded_bytes / 1e9:.1f} GB, the most that is read.", "Upload fewer rows, or Parquet."
        )
    if expanded > _RATIO_FROM and expanded > limits.ratio * packed:
        raise FileRefused(
            f"{name} unpacks to more than {limits.ratio:g} times its size ({packed:,} bytes hold {expanded:,} or more).",
            "If it is a real table, unpack it yourself and upload it as it is.",
        )


def unpack(path: Path, into: Path, kind: Format, name: str, limits: Limits) -> None:
    """Unpack as a stream, counting what comes out: a bomb is refused while it grows, not after."""
    try:
        with _source(path, kind, name) as source, open(into, "wb") as target:
            _pour(source, target, path.stat().st_size, name, limits)
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise Unreadable(f"{name} cannot be unpacked: {error}.", "The upload may be cut short. Compress the table again.") from error
    if kind.packed == "zip":
        with open(into, "rb") as file:
            head = file.read(4096)
        if not head:
            raise Unreadable(f"{name} holds an empty file.", "Export the table again and check that the file has content.")
        _agree(kind.kind, _by_content(head), f"{kind.member} in {name}", into)


@contextmanager
def _source(path: Path, kind: Format, name: str) -> Iterator[BinaryIO]:
    if kind.packed == "gzip":
        with gzip.open(path, "rb") as file:
            yield file  # type: ignore[misc]
        return
    with _opened_zip(path, name) as archive, archive.open(kind.member) as member:
        yield member  # type: ignore[misc]


def _pour(source: BinaryIO, target: BinaryIO, packed: int, name: str, limits: Limits) -> None:
    expanded = 0
    while chunk := source.read(_CHUNK):
        expanded += len(chunk)
        check_expansion(expanded, packed, name, limits)
        target.write(chunk)
