"""Program messages as IEEE 488.2 (chapter 7) and real clients write them.

Units with ``;`` between them, headers with or without a leading colon, arguments with commas:
words and numbers, strings, blocks, expressions. More is taken than the standard allows where
instruments and clients do: empty units and arguments, and a command right behind a block.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from hil.simulators.instruments.scpi.errors import ScpiError

MOST_BLOCK = 4_000_000
"""A longer block is no block (bytes)."""

_SPACE = "".join(map(chr, range(33)))
"""White space is every control character and the blank (IEEE 488.2, 7.4.1.2)."""
_header = re.compile(r"(:?\*[A-Za-z]+|:?[A-Za-z]\w*(?::[A-Za-z]\w*)*)(\?)?", re.ASCII).match
_word = re.compile(r"""[^,;"'#(]*""").match
_block = re.compile(r"#([1-9])").match
_stops = re.compile(rb"""["'#\n]""").search
_is_other_radix = re.compile(r"#[HhQqBb][0-9A-Fa-f]*").match


class Argument(NamedTuple):
    """One argument: what it is and what it says, without quotes, parentheses or a block's head."""

    kind: Literal["word", "string", "block", "list"]
    text: str


class Unit(NamedTuple):
    """One command or query of a message; its header in capitals, as it was sent."""

    header: str
    is_query: bool
    arguments: tuple[Argument, ...]


def units(message: bytes) -> Iterator[Unit]:
    """Read a message, unit by unit.

    Raises
    ------
    ScpiError
        At the first unit that is not understood; those before it have been given.
    """
    text = message.decode("latin-1")
    at, end = 0, len(text)
    while True:
        at = _past(text, at, end, _SPACE)
        if at == end:
            return
        if text[at] == ";":
            at += 1
            continue
        found = _header(text, at)
        if found is None:
            raise ScpiError(-101 if ord(text[at]) > 126 else -102)
        header = found[1].upper().replace(":*", "*")
        at = found.end()
        if at < end and text[at] not in _SPACE and text[at] != ";":
            raise ScpiError(-102 if text[at] in ":?*" else -103)
        arguments, at = _arguments(text, at, end)
        yield Unit(header, found[2] is not None, arguments)


def _arguments(text: str, at: int, end: int) -> tuple[tuple[Argument, ...], int]:
    """Read what follows a header, up to the end of its unit."""
    found: list[Argument] = []
    at = _past(text, at, end, _SPACE)
    if at == end or text[at] == ";":
        return (), at
    while True:
        argument, at = _argument(text, at, end)
        found.append(argument)
        at = _past(text, at, end, _SPACE)
        if at == end or text[at] == ";":
            return tuple(found), at
        if text[at] == ",":
            at = _past(text, at + 1, end, _SPACE)
        elif argument.kind == "block":
            return tuple(found), at  # a command that is glued on
        else:
            raise ScpiError(-103)


def _argument(text: str, at: int, end: int) -> tuple[Argument, int]:
    first = text[at] if at < end else ","
    if first in "\"'":
        return _string(text, at)
    if first == "(":
        close = text.find(")", at)
        if close < 0:
            raise ScpiError(-171)
        return Argument("list", text[at + 1 : close]), close + 1
    if first == "#":
        return _special(text, at, end)
    word = _word(text, at)
    assert word is not None  # noqa: S101 - it may be empty, but it matches
    return Argument("word", word[0].strip(_SPACE)), word.end()


def _string(text: str, at: int) -> tuple[Argument, int]:
    quote, begin = text[at], at + 1
    parts = []
    while True:
        close = text.find(quote, begin)
        if close < 0:
            raise ScpiError(-151)
        parts.append(text[begin:close])
        begin = close + 1
        if text[begin : begin + 1] != quote:
            return Argument("string", quote.join(parts)), begin
        begin += 1


def _special(text: str, at: int, end: int) -> tuple[Argument, int]:
    """Read a block of known length or up to the end of the message, or a number by its radix."""
    if text.startswith("#0", at):
        return Argument("block", text[at + 2 :]), end
    other = _is_other_radix(text, at)
    if other is not None:
        return Argument("word", other[0]), other.end()
    begin, count = block(text, at)
    if count is None or begin + count > end:
        raise ScpiError(-161)
    return Argument("block", text[begin : begin + count]), begin + count


def block(text: str, at: int) -> tuple[int, int | None]:
    """Read the head of a block: where its bytes begin, and how many they are (None: no block)."""
    found = _block(text, at)
    if found is None:
        return at + 1, None
    begin = found.end() + int(found[1])
    digits = text[found.end() : begin]
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > MOST_BLOCK:
        return at + 1, None
    return begin, int(digits) if len(digits) == int(found[1]) else None


def cut(received: bytearray) -> tuple[int, int] | None:
    """Find the first message in a stream: its length, and where the next one begins.

    A message ends at a line feed that is not inside a block of known length, or right behind such
    a block if something else than a separator follows. None while it is not complete.
    """
    at, quote = 0, b""
    while True:
        stop = _stops(received, at)
        if stop is None:
            return None
        what, at = stop[0], stop.end()
        if what == b"\n":
            return stop.start(), at
        if quote:
            quote = b"" if what == quote else quote
        elif what != b"#":
            quote = what
        else:
            head = bytes(received[at - 1 : at + 10]).decode("latin-1")
            if _needs_more(head):
                return None
            begin, count = block(head, 0)
            if count is None:
                continue
            at += begin - 1 + count
            if at >= len(received):
                return None
            if not _separates(received, at):
                return at, at


def _needs_more(head: str) -> bool:
    """Tell whether the head of a block may still be under way."""
    if len(head) < 2:
        return True
    digits = head[2 : 2 + int(head[1])] if head[1] in "123456789" else None
    if digits is None or (digits and not digits.isdecimal()):
        return False
    return len(digits) < int(head[1])


def _separates(received: bytearray, at: int) -> bool:
    return received[at] <= 32 or received[at] in b",;"


def _past(text: str, at: int, end: int, what: str) -> int:
    while at < end and text[at] in what:
        at += 1
    return at
