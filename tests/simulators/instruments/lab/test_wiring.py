"""Which port drives which cell, through wires and closed contacts."""

import pytest

from hil.errors import ConfigError, NotSupported
from hil.simulators.instruments.lab.wiring import Driven, Wiring


def switched() -> Wiring:
    """A cell behind a switch with three ways."""
    wires = {
        "smu": "switch.A", "generator.1": "switch.B", "switch.C": "ground", "switch.01": "top",
    }  # fmt: skip
    wiring = Wiring(wires)
    wiring.add_contacts({"switch.A", "switch.B", "switch.C", "switch.01"})
    wiring.refuse_loose()
    return wiring


def cell_of(wiring: Wiring, port: str) -> tuple[int, float] | None:
    driven = wiring.driven(port)
    return None if driven is None else driven[:2]


def test_a_closed_contact_leads_to_the_cell_and_an_open_one_nowhere() -> None:
    wiring = switched()
    assert wiring.driven("smu") is None
    wiring.close("switch.A", "switch.01")
    assert cell_of(wiring, "smu") == (0, 1.0)
    assert wiring.driven("generator.1") is None
    assert wiring.line_of("smu") == "top"
    wiring.open("switch.A", "switch.01")
    assert wiring.driven("smu") is None
    assert wiring.line_of("smu") is None


def test_a_port_that_is_grounded_drives_nothing() -> None:
    wiring = switched()
    wiring.close("switch.A", "switch.01")
    wiring.close("switch.C", "switch.01")
    assert wiring.driven("smu") is None


def test_two_ends_at_ground_are_not_one_wire() -> None:
    wiring = Wiring({"a": "top", "b": "ground", "bottom": "ground"})
    assert wiring.reached("b") == {"b", "ground"}
    assert cell_of(wiring, "a") == (0, 1.0)


def test_ports_at_both_ends_face_each_other() -> None:
    wiring = Wiring({"a": "top", "b": "bottom"})
    assert wiring.driven("a") == Driven(0, 1.0, frozenset({"bottom", "b"}))
    assert wiring.driven("b") == Driven(0, -1.0, frozenset({"top", "a"}))


def test_in_an_array_the_cell_is_where_a_driven_row_crosses_a_grounded_column() -> None:
    wiring = Wiring({"a": "row 2", "column 3": "ground"}, rows=4, columns=5)
    wiring.refuse_loose()
    assert cell_of(wiring, "a") == (1 * 5 + 2, 1.0)
    assert cell_of(Wiring({"a": "column 3", "row 2": "ground"}, 4, 5), "a") == (7, -1.0)
    assert Wiring({"a": "row 2"}, rows=4, columns=5).driven("a") is None


def test_several_cells_at_once_are_refused() -> None:
    wires = {"a": "row 1", "column 1": "ground", "column 2": "ground"}
    with pytest.raises(NotSupported, match="drives 2 cells at once"):
        Wiring(wires, rows=2, columns=2).driven("a")


@pytest.mark.parametrize(
    ("end", "words"),
    [("tpo", "did you mean 'top'"), ("row 3", "row 3"), ("switch.D", "switch")],
)
def test_a_wire_that_ends_nowhere_is_named(end: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Wiring({"a": end}).refuse_loose()


def test_a_line_beyond_the_array_is_refused() -> None:
    with pytest.raises(ConfigError, match="row 5"):
        Wiring({"a": "row 5"}, rows=4, columns=4).refuse_loose()
