"""Nothing reaches beyond the world of TSP, and everything ends."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.simulators.instruments.tsp import engine
from tests.simulators.instruments.tsp.world import World, ask, errors, made

pytest.importorskip("lupa")


@pytest.fixture(scope="module")
def world() -> World:
    return made()


@pytest.mark.parametrize(
    "name",
    ["os", "io", "require", "package", "module", "debug", "load", "loadfile", "dofile", "python",
     "coroutine", "getfenv", "setfenv", "newproxy", "xpcall", "collectgarbage", "string.dump",
     "getmetatable('')", "_G.os", "_G._G.debug", "rawget(_G, 'io')", "jit"],
)  # fmt: skip
def test_there_is_no(world: World, name: str) -> None:
    assert ask(world, f"print({name})") == "nil"


@pytest.mark.parametrize(
    "line",
    ["os.execute('true')", "io.open('/etc/passwd')", "python.eval('1')", "string.dump(print)",
     "loadstring('\\27Lua\\81')()", "\x1bLuaQ", "require('os')", "('x'):rep(3)",
     "getmetatable('').__index = 1", "print.__class__ = 1", "x = print.__globals__",
     "getmetatable(errorqueue).Getters.count.func_globals()",
     "getmetatable(print).__index()", "debug.getupvalue(print, 1)",
     "setfenv(0, {})", "localnode.reset.__self__()", "error(print)()"],
)  # fmt: skip
def test_an_escape_is_an_error(world: World, line: str) -> None:
    assert ask(world, line) is None
    assert errors(world)[0][0] in (-285, -286)


@pytest.mark.parametrize(
    "line",
    ["while true do end",
     "while true do pcall(function() while true do end end) end",
     "while true do local ok = pcall(error) end",
     "setmetatable(_G, {__index = function() while true do end end}) x = zzz",
     "local t = setmetatable({}, {__newindex = function() while true do end end}) t.x = 1",
     "function f() return 1 + f() end f()",
     "local t = {} while true do t = {t, t} end",
     "local t, s = {}, string.rep('x', 1000) for k = 1, 1e9 do t[k] = s .. k end",
     "local s = 'x' while true do s = s .. s end",
     "while true do string.upper(string.rep('x', 1e6)) end",
     "string.rep('x', 1e12)", "string.rep('', 1e12) error('x')",
     "table.insert({}, -1e12, 1)",
     "string.find(string.rep('a', 50), string.rep('a?', 50) .. string.rep('a', 50))",
     "string.gsub(string.rep('a', 1e5), '.-.-.-.-b', '')",
     "string.find('a', string.rep('(', 1e5))", "string.find('x', string.rep('.-', 1e5))",
     "unpack({}, 1, 1e9)", "table.sort({3, 2, 1}, function() while true do end end)",
     "string.gsub('abc', '.', function() while true do end end)",
     "while true do x = localnode.prompts end", "while true do print(1) end",
     "(" * 5000 + ")" * 5000],
)  # fmt: skip
def test_what_does_not_end_is_ended(line: str) -> None:
    world = made()
    ask(world, line)
    assert errors(world)[0][0] in (-285, -286)
    ask(world, "setmetatable(_G, nil)")
    assert ask(world, "print(1)") == "1.00000e+00"


def test_what_takes_too_much_memory_is_forgotten() -> None:
    world = made()
    ask(world, "keep = 1 t = {} while true do t[#t + 1] = {t} end")
    assert errors(world) == [(-286, "TSP Runtime error at line 1: not enough memory")]
    assert ask(world, "print(t, errorqueue.count)") == "nil\t0.00000e+00"


def test_what_waits_outside_of_lua_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LONGEST_S", -1.0)
    ask(world, "delay(1)")
    assert errors(world) == [(-286, "TSP Runtime error at line 1: the script does not end")]


def test_whoever_spoils_the_world_only_spoils_his_own() -> None:
    world = made()
    ask(world, "script.user = nil string = nil table.insert = 3 print = nil script = nil")
    ask(world, "setmetatable(_G, {__newindex = function() error('mine') end})")
    ask(world, "getmetatable(errorqueue).Getters.count = 3 errorqueue = nil")
    ask(world, "loadscript a", "x = 1", "endscript", "a()")
    ask(world, "loadandrunscript", "printnumber(4)")
    assert ask(world, "endscript") == "4.00000e+00"
    assert ask(world, "*IDN?") == "Keithley Instruments Inc., Model 1234, 0, 0"


def test_a_fault_of_the_simulation_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    world = made()

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world, "wait", broken)
    with pytest.raises(ZeroDivisionError):
        ask(world, "while true do pcall(waitcomplete) end")


LINES = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["print", "(", ")", "errorqueue", ".", "next", "1", "'x'", "=", "x", "do", "end",
             "while", "true", "for", ",", "{", "}", "[", "]", "nil", "_G", "..", "\\27",
             "getmetatable", "pcall", "loadscript", "endscript", "string", "rep", "*IDN?",
             "format", "data", "localnode", "function", "return", ";", "--[[", "error"]
        ),
        max_size=12,
    ).map(" ".join),
)  # fmt: skip


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(lines=st.lists(LINES, max_size=8))
def test_whatever_is_sent_it_goes_on(world: World, lines: list[str]) -> None:
    for line in lines:
        answer = world.handle(line.encode("utf-8").replace(b"\n", b" "))
        assert answer is None or isinstance(answer, bytes)
    world.clear()
    assert ask(world, "*IDN?") == "Keithley Instruments Inc., Model 1234, 0, 0"
    assert {code for code, _ in errors(world)} <= {-285, -286, -282, -109, -104, -350, 1102, 1103}
