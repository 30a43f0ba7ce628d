"""The tree of an instrument's commands, compiled from patterns as manuals write them.

``[:SOURce{1:2}]:VOLTage[:LEVel][:AMPLitude]``: long or short form of each node, in any case;
brackets around what may be left out; ``{1:2}`` for a number that may stand behind a node (1 if it
does not), ``[1]`` for a 1 that may stand there and means nothing. A node may have digits of its
own (``CALCulate3``).
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument

Handler = Callable[[tuple[int, ...], tuple[Argument, ...]], str | None]
"""Obeys a command or answers a query: suffixes of the numbered nodes, then arguments."""

_NODE = re.compile(r"([*A-Z][A-Z0-9_]*)([a-z0-9_]*)(?:\{(\d+):(\d+)\}|(\[1\]))?")
_trailing = re.compile(r"(.*?[A-Z_])(\d+)").fullmatch
_KNOWN = 4096
"""Headers whose place in the tree is remembered."""


class Node(NamedTuple):
    """One node of a pattern; `least` is None where no number may stand."""

    short: str
    long: str
    least: int | None
    most: int | None
    counts: bool


class Leaf:
    """One command: what obeys it, and what answers its query."""

    def __init__(self) -> None:
        self.obey: Handler | None = None
        self.answer: Handler | None = None


class _End(NamedTuple):
    """Where a spelling of a pattern ends: its nodes, and which numbers the handler gets."""

    leaf: Leaf
    nodes: tuple[Node, ...]
    slots: tuple[int | None, ...]


class _Branch:
    def __init__(self) -> None:
        self.children: dict[str, _Branch] = {}
        self.end: _End | None = None


class Tree:
    """All commands of an instrument."""

    def __init__(self) -> None:
        self._root = _Branch()
        self._leaves: dict[str, Leaf] = {}
        self._find = lru_cache(_KNOWN)(self._walk)

    def add(
        self, pattern: str, *, obey: Handler | None = None, answer: Handler | None = None
    ) -> None:
        """Add a command or its query.

        Raises
        ------
        ValueError
            For a pattern that is not understood, or that is there already.
        """
        fresh = pattern not in self._leaves
        leaf = self._leaves.setdefault(pattern, Leaf())
        if (obey and leaf.obey) or (answer and leaf.answer):
            raise ValueError(f"the command {pattern} is declared twice")
        leaf.obey, leaf.answer = obey or leaf.obey, answer or leaf.answer
        if fresh:
            self._find.cache_clear()
            for nodes, slots in _spellings(pattern):
                self._plant(nodes, _End(leaf, nodes, slots), pattern)

    def find(self, header: str) -> tuple[Leaf, tuple[int, ...]]:
        """Find a command by its whole header in capitals, without a leading colon.

        Raises
        ------
        ScpiError
            -113 for one that does not exist, -114 for a number that no node has.
        """
        return self._find(header)

    def _plant(self, nodes: tuple[Node, ...], end: _End, pattern: str) -> None:
        branch = self._root
        for node in nodes:
            child = branch.children.get(node.short) or branch.children.get(node.long) or _Branch()
            branch.children[node.short] = branch.children[node.long] = child
            branch = child
        if branch.end is not None and branch.end.leaf is not end.leaf:
            raise ValueError(f"the command {pattern} is spelt like one that is declared already")
        branch.end = end

    def _walk(self, header: str) -> tuple[Leaf, tuple[int, ...]]:
        branch = self._root
        numbers: list[int | None] = []
        for word in header.split(":"):
            number: int | None = None
            child = branch.children.get(word)
            if child is None:
                split = _trailing(word)
                child = branch.children.get(split[1]) if split is not None else None
                if child is None or split is None:
                    raise ScpiError(-113)
                number = int(split[2]) if len(split[2]) < 9 else -1
            branch = child
            numbers.append(number)
        if branch.end is None:
            raise ScpiError(-113)
        leaf, nodes, slots = branch.end
        held = [_checked(n, node) for n, node in zip(numbers, nodes, strict=True)]
        return leaf, tuple(1 if at is None else held[at] for at in slots)


def _checked(number: int | None, node: Node) -> int:
    if node.least is None or node.most is None:
        if number is not None:
            raise ScpiError(-114)
        return 1
    number = 1 if number is None else number
    if not node.least <= number <= node.most:
        raise ScpiError(-114)
    return number


def _spellings(pattern: str) -> Iterator[tuple[tuple[Node, ...], tuple[int | None, ...]]]:
    """List what is left of a pattern when optional parts are there or not.

    With each: where in it the numbers stand that the handler gets, None for one left out.
    """
    parts = _parts(pattern)
    counted = [place for place, (node, _) in enumerate(parts) if node.counts]
    optional = sorted({group for _, group in parts if group})
    for choice in range(1 << len(optional)):
        left_out = {group for bit, group in enumerate(optional) if choice >> bit & 1}
        kept = [place for place, (_, group) in enumerate(parts) if group not in left_out]
        if kept:
            slots = tuple(kept.index(place) if place in kept else None for place in counted)
            yield tuple(parts[place][0] for place in kept), slots


def _parts(pattern: str) -> list[tuple[Node, int]]:
    """Split a pattern into nodes; each with the number of its optional group, 0 if it must be."""
    parts: list[tuple[Node, int]] = []
    at = group = groups = 0
    while at < len(pattern):
        if pattern[at] == "[" and not group:
            groups += 1
            group = groups
            at += 1
        elif pattern[at] == "]" and group:
            group = 0
            at += 1
        elif pattern[at] == ":":
            at += 1
        else:
            found = _NODE.match(pattern, at)
            if found is None:
                raise ValueError(f"the pattern {pattern} is not understood at {pattern[at:]!r}")
            parts.append((_node(found), group))
            at = found.end()
    if not parts or group:
        raise ValueError(f"the pattern {pattern} is not complete")
    return parts


def _node(found: re.Match[str]) -> Node:
    long = (found[1] + found[2]).upper()
    digits = re.search(r"\d+$", found[2])
    short = found[1] + (digits[0] if digits else "")
    if found[5]:
        return Node(short, long, 1, 1, counts=False)
    if found[3]:
        return Node(short, long, int(found[3]), int(found[4]), counts=True)
    return Node(short, long, None, None, counts=False)
