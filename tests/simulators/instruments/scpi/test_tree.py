"""The tree of commands: long and short forms, optional nodes, numbers behind nodes."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.tree import Tree


def nothing(*_: object) -> None:
    return None


def planted(*patterns: str) -> Tree:
    tree = Tree()
    for pattern in patterns:
        tree.add(pattern, obey=nothing)
    return tree


def code(tree: Tree, header: str) -> int:
    try:
        tree.find(header)
    except ScpiError as error:
        return error.code
    return 0


SOURCE = "[:SOURce{1:2}]:VOLTage[:LEVel][:IMMediate][:AMPLitude]"


class TestForms:
    @pytest.mark.parametrize("nodes", list(product(
        ["", "SOUR:", "SOURCE1:", "SOUR2:"], ["VOLT", "VOLTAGE"], ["", ":LEV", ":LEVEL"],
        ["", ":IMM"], ["", ":AMPLITUDE"],
    )))  # fmt: skip
    def test_every_spelling_is_found(self, nodes: tuple[str, ...]) -> None:
        _, numbers = planted(SOURCE).find("".join(nodes))
        assert numbers == ((2,) if "2" in nodes[0] else (1,))

    @pytest.mark.parametrize("header", ["SOU:VOLT", "VOLTA", "VOLT:AMP", "LEV", "SOUR", "VOLT:X"])
    def test_no_other_is(self, header: str) -> None:
        assert code(planted(SOURCE), header) == -113

    @pytest.mark.parametrize("header", ["SOUR3:VOLT", "SOUR0:VOLT", "VOLT2", "VOLT1"])
    def test_a_number_that_no_node_has(self, header: str) -> None:
        assert code(planted(SOURCE), header) == -114

    def test_a_node_with_digits_of_its_own(self) -> None:
        tree = planted("CALCulate3:FORMat", "CALCulate2:LIMit")
        assert code(tree, "CALC3:FORM") == code(tree, "CALCULATE3:FORMAT") == 0
        assert code(tree, "CALC:FORM") == code(tree, "CALC2:FORM") == -113

    def test_a_number_that_means_nothing(self) -> None:
        tree = planted("SENSe[1]:FUNCtion")
        assert tree.find("SENS1:FUNC")[1] == ()
        assert code(tree, "SENS2:FUNC") == -114

    def test_numbers_at_several_nodes(self) -> None:
        tree = planted(":A{1:3}[:B{1:5}]:C{2:4}")
        assert tree.find("A3:B5:C4")[1] == (3, 5, 4)
        assert tree.find("A:C2")[1] == (1, 1, 2)
        assert code(tree, "A:C") == -114

    def test_patterns_that_share_nodes_keep_their_own_numbers(self) -> None:
        tree = planted("OUTPut{1:2}:LOAD", "OUTPut:SYNC")
        assert tree.find("OUTP2:LOAD")[1] == (2,)
        assert code(tree, "OUTP2:SYNC") == -114


class TestDeclaring:
    @pytest.mark.parametrize("pattern", ["", "[:VOLT", "volt", "VOLT{1}", "VOLT%"])
    def test_a_pattern_that_is_wrong(self, pattern: str) -> None:
        with pytest.raises(ValueError, match="pattern"):
            planted(pattern)

    def test_a_command_that_is_there_already(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            planted("VOLTage", "VOLTage")
        with pytest.raises(ValueError, match="spelt like"):
            planted("VOLTage[:LEVel]", "VOLTage")


@given(st.text("SOURCEVLTAG:123_", max_size=20))
def test_any_header_is_found_or_refused(header: str) -> None:
    assert code(planted(SOURCE, "OUTPut{1:2}"), header) in (0, -113, -114)
