"""Which encoding a text file has, and the same text as UTF-8 that every reader downstream understands."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.formats import looks_utf16
from pipeline.data.report import Log, ReadOptions
from pipeline.errors import FileRefused, Unreadable

_CHUNK = 1 << 20
_SAMPLE = 1 << 18
_HEAD_LINES, _HEAD_BYTES = 2_000, 4 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбОАПСКНМВРЕТ"
# What spreadsheets and old systems really write, each with the letters that its languages use most. The order breaks ties.
_COMMON = {
    "cp1252": "éèêëàâäöüßáíóúñçãõîïôåøæÉÈÀÄÖÜÁÍÓÚÑÇÅØÆ",
    "cp1250": "ąćęłńóśźżáčďéěíňřšťúůýžőűöüäßășțâîĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽŐŰÖÜ",
    "cp1251": _CYRILLIC,
    "koi8-r": _CYRILLIC,
    "cp866": _CYRILLIC,
    "cp1253": "αοιετσνηυρπκμλςάίόέήύώΑΠΚΜΤΕΟΝΣ",
}
_EASTERN = ["shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
_OTHERS = ["cp1254", "cp1255", "cp1256", "mac_roman", "cp437", "cp850"]
_LEAST_SCORE, _SURE_SCORE = 0.5, 0.8
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_IN_WORD = re.compile("[a-z][\xa1-\xbf\xd7\xf7\ufffd][a-z]")
_DRAWN = re.compile("[\u2500-\u259f]")
_NEIGHBOURS = re.compile("[^\\W\\d_a-zA-Z](?=[^\\W\\d_a-zA-Z])")
_LETTER = re.compile("[^\\W\\d_a-zA-Z]")
_TWO_SCRIPTS = re.compile("[a-zA-Z][^\\W\\d_a-zA-Z]|[^\\W\\d_a-zA-Z][a-zA-Z]")
_HIGH = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True)
class Text:
    """A UTF-8 file without a byte order mark; `encoding` is what the original had; `lines` counts line feeds."""

    path: Path
    encoding: str
    lines: int


def as_utf8(path: Path, folder: Path, name: str, options: ReadOptions, log: Log) -> Text:
    """The text of `path` as UTF-8, in `folder` when it had to be changed. An encoding that a person gave is taken.

    A guessed encoding and every replaced byte is logged. Raises Unreadable for binary content or an unknown encoding.
    """
    said = _checked(options.encoding) if options.encoding else None
    encoding, errors = (said, "replace") if said and options.firm else _detect(path, name, said, log)
    if encoding == "utf-8":
        lines, bad = _count(path, name)
        if not bad:
            return Text(path, "utf-8", lines)
    target = folder / "utf8.txt"
    lines, replaced = _transcode(path, target, encoding, errors, name)
    for line in replaced:
        log.add("replaced", f"Bytes that are not valid {encoding} became '\ufffd'.", line)
    return Text(target, encoding, lines)


def first_lines(text: Text, folder: Path) -> Text:
    """The first 2,000 lines, cut where no quotation mark is open."""
    kept, size, whole = [], 0, 0
    with open(text.path, "rb") as file:
        for line in file:
            kept.append(line)
            size += len(line)
            whole = whole if sum(part.count(b'"') for part in kept[whole:]) % 2 else len(kept)
            if len(kept) >= _HEAD_LINES or size > _HEAD_BYTES:
                break
    (folder / "head.txt").write_bytes(b"".join(kept[: whole or len(kept)]))
    return Text(folder / "head.txt", text.encoding, whole or len(kept))


def _checked(said: str) -> str:
    try:
        return codecs.lookup(said).name
    except LookupError as error:
        raise Unreadable(
            f"There is no encoding named {said!r}.", "Use utf-8, utf-16, cp1252 or latin-1, or leave it to be detected."
        ) from error


def _detect(path: Path, name: str, before: str | None, log: Log) -> tuple[str, str]:
    """The encoding and what to do with damaged bytes. `before` is the one that other files of this kind have."""
    with open(path, "rb") as file:
        head = file.read(_SAMPLE)
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding, "replace"
    utf16 = looks_utf16(head)
    if utf16:
        log.add("encoding", f"The file has no byte order mark; its zero bytes say {utf16}.")
        return utf16, "replace"
    _, bad_at = _count(path, name)
    if bad_at and before and not before.startswith("utf"):
        return before, "replace"
    return ("utf-8", "strict") if not bad_at else _guess(path, bad_at, log)


def _guess(path: Path, bad_at: int, log: Log) -> tuple[str, str]:
    """Mostly valid UTF-8 with a few damaged bytes stays UTF-8; anything else is one of the likely old encodings."""
    with open(path, "rb") as file:
        file.seek(max(0, bad_at - _SAMPLE // 2))
        sample = file.read(_SAMPLE)
    valid = sum(len(hit) for hit in _MULTIBYTE.findall(sample))
    if valid > 2 * (len(_HIGH.findall(sample)) - valid):
        return "utf-8", "replace"
    scores = {encoding: _naturalness(sample, encoding) for encoding in _COMMON}
    best = max(scores, key=lambda encoding: scores[encoding])
    eastern = _by_statistics(sample, _EASTERN) if scores[best] < _SURE_SCORE else None
    encoding = eastern or (best if scores[best] >= _LEAST_SCORE else _by_statistics(sample, _OTHERS) or "cp1252")
    log.add("encoding", f"The file is not UTF-8 (first at byte {bad_at:,}); it was read as {encoding}, which is a guess.")
    return encoding, "replace"


def _naturalness(sample: bytes, encoding: str) -> float:
    """How much the sample looks like language in that encoding, 1 at best: common letters, few oddities.

    Odd are symbols inside words, accented Latin letters side by side, and words that mix Latin with another script.
    """
    text = sample.decode(encoding, "replace")
    letters = _LETTER.findall(text)
    symbols = len(_IN_WORD.findall(text)) + len(_DRAWN.findall(text))
    latin = encoding in ("cp1252", "cp1250")
    odd = 0.5 * len(_NEIGHBOURS.findall(text)) if latin else len(_TWO_SCRIPTS.findall(text))
    common = sum(letter in _COMMON[encoding] for letter in letters)
    return (common - symbols - odd) / max(1, len(letters) + symbols)


def _by_statistics(sample: bytes, among: list[str]) -> str | None:
    from charset_normalizer import from_bytes

    whole = sample[: sample.rfind(b"\n") + 1] or sample  # a character may be cut at the end
    best = from_bytes(whole[whole.find(b"\n") + 1 :] or whole, cp_isolation=among).best()
    return best.encoding if best else None


def _count(path: Path, name: str) -> tuple[int, int]:
    """Line feeds, and the position of the first byte that is not UTF-8 (0: all are). NUL bytes are refused."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = at = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise Unreadable(
                    f"{name} has a zero byte at position {at + chunk.index(0):,}; a text table has none.", "Export the table again as CSV."
                )
            lines += chunk.count(b"\n")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return lines, max(1, at + error.start)
            at += len(chunk)
    return (lines, 0) if not decoder.getstate()[0] else (lines, max(1, at - 1))


def _transcode(path: Path, target: Path, encoding: str, errors: str, name: str) -> tuple[int, list[int]]:
    """Line feeds, and the lines in which a character could not be read."""
    lines, replaced = 0, []
    try:
        with open(path, encoding=encoding, errors=errors, newline="") as source, open(target, "w", encoding="utf-8", newline="") as out:
            while chunk := source.read(_CHUNK):
                if "\0" in chunk:
                    raise FileRefused(f"{name} has zero characters; a text table has none.", "Export the table again as CSV.")
                if "\ufffd" in chunk:
                    replaced += [lines + 1 + number for number, part in enumerate(chunk.split("\n")) if "\ufffd" in part]
                lines += chunk.count("\n")
                out.write(chunk)
    except UnicodeError as error:
        raise Unreadable(f"{name} is not {encoding} text: {error}.", "Export the table again as UTF-8.") from error
    return lines, sorted(set(replaced))
