"""TSP: chunks, scripts, printing, errors, objects, common commands."""

import struct
import sys

import pytest

from hil.errors import ConfigError
from hil.simulators.instruments.tsp.errors import ErrorQueue
from tests.simulators.instruments.tsp.world import World, ask, errors, made

pytest.importorskip("lupa")


@pytest.fixture
def world() -> World:
    return made()


def test_without_lupa_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lupa", None)
    with pytest.raises(ConfigError, match=r'python -m pip install "hil-bench\[tsp\]"'):
        made()


class TestChunks:
    def test_each_line_is_one(self, world: World) -> None:
        assert ask(world, "x = 2", "print(x * 3)") == "6.00000e+00"
        assert ask(world, "local y = 2", "print(y)") == "nil"

    @pytest.mark.parametrize(
        ("line", "code", "message"),
        [
            ("for k = 1, 3 do", -285,
             "TSP Syntax error at line 1: `end' expected near `<eof>'"),
            ("*FOO", -285, "TSP Syntax error at line 1: unexpected symbol near `*'"),
            ("x = nil + 1", -286,
             "TSP Runtime error at line 1: attempt to perform arithmetic on a nil value"),
            ("smuz.reset()", -286,
             "TSP Runtime error at line 1: attempt to index global `smuz' (a nil value)"),
            ("error('so')", -286, "TSP Runtime error at line 1: so"),
            ("error({})", -286, "TSP Runtime error at line 1: (error object is not a string)"),
            ("localnode.model = 1", -286,
             "TSP Runtime error at line 1: cannot modify read-only attribute `model'"),
            ("localnode.foo = 1", -286,
             "TSP Runtime error at line 1: attempt to set unknown attribute `foo'"),
            ("delay()", -104, "Data type error"),
            ("delay(-1)", 1103, "Parameter too small"),
            ("format.asciiprecision = 17", 1102, "Parameter too big"),
        ],
    )  # fmt: skip
    def test_errors_go_to_the_queue(
        self, world: World, line: str, code: int, message: str
    ) -> None:
        assert ask(world, line) is None
        assert errors(world) == [(code, message)]

    def test_the_line_of_a_script_is_told(self, world: World) -> None:
        ask(world, "loadandrunscript", "x = 1", "y = x.z.w", "endscript")
        ((code, message),) = errors(world)
        assert code == -286
        assert message.startswith("TSP Runtime error at line 2: ")

    def test_what_was_printed_before_an_error_is_answered(self, world: World) -> None:
        assert ask(world, "print(1) error('x') print(2)") == "1.00000e+00"

    def test_a_caught_error_is_none(self, world: World) -> None:
        assert ask(world, "print(pcall(error, 'x', 0))") == "false\tx"
        assert errors(world) == []

    def test_it_can_leave(self, world: World) -> None:
        assert ask(world, "print(1) exit() print(2)") == "1.00000e+00"
        assert errors(world) == []


class TestScripts:
    def test_several_lines_are_run_together(self, world: World) -> None:
        lines = ["loadandrunscript two\r", "for k = 1, 2 do\r", "print(k)\r", "end\r"]
        assert ask(world, *lines) is None
        assert ask(world, "endscript\r") == "1.00000e+00\n2.00000e+00"
        assert ask(world, "print(two.source)") == "for k = 1, 2 do\nprint(k)\nend"

    def test_one_with_a_name_can_be_run_again(self, world: World) -> None:
        assert ask(world, "loadscript twice", "print('x')", "endscript") is None
        assert ask(world, "twice()") == "x"
        assert ask(world, "twice.run()") == "x"
        assert ask(world, "script.user.scripts.twice()") == "x"
        assert ask(world, "print(twice.source)") == "print('x')"

    def test_the_anonymous_one(self, world: World) -> None:
        ask(world, "loadscript", "print('y')", "endscript")
        assert ask(world, "script.run()") == "y"
        assert ask(world, "x = script.new('print(3)', 'three')", "three()") == "3.00000e+00"

    def test_a_bad_one_is_not_kept(self, world: World) -> None:
        ask(world, "loadscript bad", "for", "endscript")
        assert errors(world)[0][0] == -285
        assert ask(world, "print(bad)") == "nil"
        ask(world, "loadscript 1bad", "endscript")
        assert errors(world)[0][0] == -282

    def test_half_a_script_is_gone_with_its_client(self, world: World) -> None:
        ask(world, "loadscript")
        world.connected()
        assert ask(world, "print(1)") == "1.00000e+00"


class TestPrinting:
    def test_kinds_of_values(self, world: World) -> None:
        text = ask(world, "print(1, 'a b', true, nil, {}, print)")
        assert text is not None
        *plain, table, function = text.split("\t")
        assert plain == ["1.00000e+00", "a b", "true", "nil"]
        assert table.startswith("table: 0x")
        assert function.startswith("function: 0x")

    def test_digits(self, world: World) -> None:
        assert ask(world, "format.asciiprecision = 16", "print(math.pi)") == (
            "3.141592653589793e+00"
        )
        assert ask(world, "format.asciiprecision = 1", "print(math.pi)") == "3e+00"

    def test_numbers_in_ascii_and_binary(self, world: World) -> None:
        line = "printbuffer(1, 3, {1.5, 2.5, 1e-7})"
        assert ask(world, line) == "1.50000e+00, 2.50000e+00, 1.00000e-07"
        ask(world, "format.data = format.REAL32 format.byteorder = format.LITTLEENDIAN")
        single = world.handle(line.encode())
        assert single == b"#0" + struct.pack("<3f", 1.5, 2.5, 1e-7)
        ask(world, "format.data = format.REAL64 format.byteorder = format.NORMAL")
        double = world.handle(line.encode())
        assert double == b"#0" + struct.pack(">3d", 1.5, 2.5, 1e-7)

    def test_rows_of_several_columns(self, world: World) -> None:
        ask(world, "format.asciiprecision = 1")
        assert ask(world, "printbuffer(1, 2, {1, 2}, {3, 4})") == "1e+00, 3e+00, 2e+00, 4e+00"
        assert ask(world, "printnumber(1, 2)") == "1e+00, 2e+00"

    def test_any_byte_goes_through(self, world: World) -> None:
        assert ask(world, "print('\xe9\xff')") == "\xe9\xff"


class TestErrorQueue:
    def test_it_is_read_from_lua(self, world: World) -> None:
        empty = "0.00000e+00\tQueue Is Empty\t0.00000e+00\t0.00000e+00"
        assert ask(world, "print(errorqueue.next())") == empty
        assert ask(world, "*", "print(errorqueue.count)") == "1.00000e+00"
        assert ask(world, "print(errorqueue.next())") == (
            "-2.85000e+02\tTSP Syntax error at line 1: unexpected symbol near `*'"
            "\t2.00000e+01\t1.00000e+00"
        )
        assert ask(world, "*", "errorqueue.clear()", "print(errorqueue.count)") == "0.00000e+00"

    def test_too_many_are_told_by_the_last(self) -> None:
        queue = ErrorQueue()
        for _ in range(1000):
            queue.add(1, "x")
        entries = [queue.next() for _ in range(queue.count)]
        assert entries[-1].code == -350
        assert {entry.code for entry in entries[:-1]} == {1}

    def test_they_can_be_shown_at_once(self, world: World) -> None:
        ask(world, "localnode.showerrors = 1")
        assert ask(world, "x.y = 1") == (
            "-286\tTSP Runtime error at line 1: attempt to index global `x' (a nil value)"
        )
        ask(world, "localnode.showerrors = 0 localnode.prompts = 1")
        assert ask(world, "x = 1") == "TSP>"
        assert ask(world, "loadscript") == ">>>>"
        assert ask(world, "endscript", "y.y = 1") == "TSP?"


class TestCommonCommands:
    def test_identity(self, world: World) -> None:
        assert ask(world, "*IDN?") == "Keithley Instruments Inc., Model 1234, 0, 0"
        assert ask(world, "*idn?\r") == ask(world, "*IDN?")

    def test_events_and_requests(self, world: World) -> None:
        assert ask(world, "*CLS", "*ESR?") == "0"
        assert ask(world, "x.y = 1", "*STB?") == "4"
        assert ask(world, "*ESR?") == "16"
        assert ask(world, "*ESE 16", "*SRE 32", "x.y = 1", "*ESE?") == "16"
        assert ask(world, "*STB?") == str(4 + 32 + 64)
        assert ask(world, "*CLS", "*STB?") == "0"
        assert ask(world, "*OPC", "*ESR?") == "1"
        assert ask(world, "print(status.request_enable)") is None
        assert world.status_byte() & 4

    def test_the_others(self, world: World) -> None:
        assert ask(world, "*OPC?") == "1"
        assert ask(world, "*TST?") == "0"
        assert ask(world, "*WAI;*trg;*opc?") == "1"
        assert ask(world, "*RST", "reset()", "localnode.reset()") is None
        assert world.resets == 3
        assert ask(world, "abort", "", "   ") is None
        assert errors(world) == []


class TestObjects:
    def test_metatables_show_what_there_is(self, world: World) -> None:
        assert ask(world, "mt = getmetatable(localnode) print(mt.Getters.model())") == "1234"
        assert ask(world, "print(mt.Setters.model, type(mt.Setters.prompts))") == "nil\tfunction"
        assert ask(world, "print(type(mt.Objects.reset), mt.luatype)") == "function\tnil"
        assert ask(world, "print(next(localnode, nil))") == "nil"
        assert ask(world, "print(localnode.foo)") == "nil"

    def test_time_passes_in_the_instrument(self, world: World) -> None:
        begin_s = world.now_s
        ask(world, "timer.reset() delay(2.5)")
        assert world.now_s - begin_s == pytest.approx(2.5, abs=1e-3)
        text = ask(world, "print(timer.measure.t())")
        assert text is not None
        assert float(text) == pytest.approx(2.5, abs=1e-3)

    def test_bits(self, world: World) -> None:
        text = ask(world, "print(bit.bitand(6, 3), bit.bitor(6, 3), bit.test(4, 3))")
        assert text == "2.00000e+00\t7.00000e+00\ttrue"
        ask(world, "bit.bitand(1)")
        assert errors(world) == [(-109, "Missing parameter")]

    def test_itself_as_a_node(self, world: World) -> None:
        assert ask(world, "node[1].beeper.beep(0.1, 1000)", "print(node[1].x)") == "nil"
        assert errors(world) == []
