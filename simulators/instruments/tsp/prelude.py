"""The Lua side of the TSP engine: a closed world, objects with metatables, printing, scripts.

TSP is Lua 5.0 with Keithley's objects; here Lua 5.1 runs it, so that `#`, `%` on numbers and what
else is new in 5.1 are understood too. What reaches beyond the world is taken away, and what a C
function of Lua could do for ever is bounded. Python functions stay in upvalues: nothing that a
chunk can hold is a Python object.

A Python function answers true and its results, false and a message for a runtime error, or nil
and a message for a runtime error that `pcall` must not catch.
"""

PRELUDE = r"""
local emit, send, late, most, most_kilobytes, step, call_cost = ...
local type, error, tostring, select, unpack = type, error, tostring, select, unpack
local raw_pcall, loadstring, pairs, next = pcall, loadstring, pairs, next
local rawget, rawset, setmetatable, collect = rawget, rawset, setmetatable, collectgarbage
local concat, insert = table.concat, table.insert
local byte, format, gsub = string.byte, string.format, string.gsub
local find, match, gmatch = string.find, string.match, string.gmatch
local sethook = debug.sethook
local setfenv = setfenv
debug.setmetatable("", nil)  -- strings have no methods in Lua 5.0

-- the world of the chunks: these names, and what is added below --------------------------------
local world = {_VERSION = "Lua 5.0.2"}
for _, name in pairs({"assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawget",
                      "rawset", "select", "setmetatable", "tonumber", "tostring", "type",
                      "unpack"}) do
  world[name] = _G[name]
end
for _, name in pairs({"math", "string", "table"}) do
  world[name] = {}
  for key, value in pairs(_G[name]) do world[name][key] = value end
end
world._G = world
setfenv(1, world)

local number_format, handles = "%.5e", setmetatable({}, {__mode = "k"})
local used, fatal, leaving = 0, nil, false

-- what may be spent --------------------------------------------------------------------------
local function stop(message)
  fatal = message
  sethook()
  error(message, 3)
end

-- memory is looked after here, long before the runtime's own limit: that one may only be met by
-- a single large value, since Python cannot survive it while it hands something over
local function tick()
  used = used + step
  if used > most or late() then stop("the script does not end") end
  if collect("count") > most_kilobytes then
    collect()
    if collect("count") > most_kilobytes then stop("not enough memory") end
  end
end

local function pay(cost)
  used = used + (cost or call_cost)
  if used > most then stop("the script does not end") end
  if collect("count") > most_kilobytes then tick() end
end

local function pack(...) return {n = select("#", ...), ...} end

-- a call of Python, from a function that stands *level* calls below the chunk ------------------
local function settled(level, ok, ...)
  if ok then return ... end
  local message = (...)
  if ok == nil then
    fatal = message
    sethook()
  end
  error(message, level + 2)
end

local function callable(python)
  return function(...)
    pay()
    local results = pack(settled(1, python(...)))
    return unpack(results, 1, results.n)
  end
end

-- objects --------------------------------------------------------------------------------------
local function make(luatype, handle, index)
  local getters, setters, objects = {}, {}, {}
  local mt = {Getters = getters, Setters = setters, Objects = objects, luatype = luatype}
  mt.__index = function(_, key)
    local getter = getters[key]
    if getter then
      local value = getter()
      return value
    end
    if index and type(key) == "number" then
      pay()
      local value = settled(1, index(key))
      return value
    end
    return objects[key]
  end
  mt.__newindex = function(_, key, value)
    local setter = setters[key]
    if setter then
      setter(value)
    elseif getters[key] or objects[key] ~= nil then
      error("cannot modify read-only attribute `" .. tostring(key) .. "'", 2)
    else
      error("attempt to set unknown attribute `" .. tostring(key) .. "'", 2)
    end
  end
  local object = setmetatable({}, mt)
  if handle then handles[object] = handle end
  local add = {}
  function add.attribute(key, get, set)
    getters[key] = function()
      pay()
      local value = settled(2, get())
      return value
    end
    if set then
      setters[key] = function(value)
        pay()
        settled(2, set(value))
      end
    end
  end
  function add.constant(key, value) objects[key] = value end
  function add.call(key, python) objects[key] = callable(python) end
  return object, add
end

-- printing -------------------------------------------------------------------------------------
local function shown(value)
  if type(value) == "number" then return format(number_format, value) end
  local text = tostring(value)
  if type(text) ~= "string" then error("`tostring' must return a string to `print'", 3) end
  return text
end

function print(...)
  pay()
  local parts = {}
  for k = 1, select("#", ...) do parts[k] = shown((select(k, ...))) end
  settled(1, emit(concat(parts, "\t")))
end

local function plain(list, first, last)
  local values = {}
  for k = first, last do
    local value = list[k]
    if type(value) ~= "number" then error("a table of numbers was expected", 3) end
    values[#values + 1] = value
  end
  return values
end

function printnumber(...)
  pay()
  settled(1, send(false, false, plain({...}, 1, select("#", ...))))
end

function printbuffer(first, last, ...)
  pay()
  if type(first) ~= "number" or type(last) ~= "number" then error("a number was expected", 2) end
  local columns = {}
  for k = 1, select("#", ...) do
    local column = (select(k, ...))
    if type(column) ~= "table" then error("a reading buffer was expected", 2) end
    columns[k] = handles[column] or plain(column, first, last)
  end
  settled(1, send(first, last, unpack(columns)))
end

-- what C functions could do for ever ------------------------------------------------------------
local function patient(text, pattern)
  if type(text) ~= "string" or type(pattern) ~= "string" then return end
  local loops, steps = 0, #text + 1
  for k = 1, #pattern do
    local c = byte(pattern, k)
    if c == 42 or c == 43 or c == 45 or c == 63 then loops = loops + 1 end
  end
  local cost = steps
  for k = 1, loops do
    cost = cost * steps / (k + 1)
    if k > 20 or cost > 1e8 then error("pattern too complex", 3) end
  end
end

local function charged(raw, check)
  return function(text, ...)
    if type(text) == "string" then pay(#text / 4) end
    if check then check(text, (...)) end
    local results = pack(raw(text, ...))
    return unpack(results, 1, results.n)
  end
end

string.dump = nil
for _, name in pairs({"byte", "format", "len", "lower", "reverse", "sub", "upper"}) do
  string[name] = charged(string[name])
end
string.find, string.match = charged(find, patient), charged(match, patient)
string.gsub, string.gmatch = charged(gsub, patient), charged(gmatch, patient)
string.gfind = string.gmatch
function string.rep(text, count)
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" or type(count) ~= "number" then
    error("bad argument to `rep' (string and number expected)", 2)
  end
  if #text * count > 1e6 then error("not enough memory", 2) end
  pay(#text * count / 4)
  local whole, rest = {}, text
  while count >= 1 and text ~= "" do
    if count % 2 >= 1 then whole[#whole + 1] = rest end
    count = (count - count % 2) / 2
    if count >= 1 then rest = rest .. rest end
  end
  return (concat(whole))
end
for _, name in pairs({"concat", "sort"}) do
  local raw = table[name]
  table[name] = function(list, ...)
    if type(list) == "table" then pay(#list) end
    local result = raw(list, ...)
    return result
  end
end
function table.insert(list, place, ...)
  if select("#", ...) == 0 then return insert(list, place) end
  if type(list) == "table" and type(place) == "number" and place < 1 then
    error("bad argument #2 to `insert' (out of bounds)", 2)
  end
  return insert(list, place, ...)
end

local function caught(...)
  if fatal then error(fatal, 0) end
  return ...
end
function pcall(call, ...) return caught(raw_pcall(call, ...)) end
function exit()
  leaving, fatal = true, "exit"
  error("exit", 0)
end

local function compiled(text)
  if byte(text, 1) == 27 then return nil, "TSP:1: unexpected symbol near `char(27)'" end
  local chunk, message = loadstring(text, "=TSP")
  if chunk then setfenv(chunk, world) end
  return chunk, message
end
function world.loadstring(text)
  if type(text) ~= "string" then error("a string was expected", 2) end
  local chunk, message = compiled(text)
  return chunk, message
end
function makegetter(object, key) return function() return object[key] end end
function makesetter(object, key) return function(value) object[key] = value end end

-- scripts --------------------------------------------------------------------------------------
local scripts, anonymous = {}, nil
local script = {user = {scripts = scripts}}
world.script = script
local function new_script(text, name)
  local chunk, message = compiled(text)
  if not chunk then return nil, message end
  local made = {name = name, source = text, autorun = "no", run = chunk}
  function made.save() end
  function made.list()
    settled(1, emit("loadscript " .. name .. "\n" .. text .. "\nendscript"))
  end
  setmetatable(made, {__call = function() return chunk() end})
  if name ~= "" then
    rawset(scripts, name, made)
    rawset(world, name, made)
  else
    anonymous = made
    rawset(script, "anonymous", made)
  end
  return made
end
function script.new(text, name)
  if type(text) ~= "string" then error("a string was expected", 2) end
  local made, message = new_script(text, type(name) == "string" and name or "")
  if not made then error(message, 0) end
  return made
end
function script.run() anonymous() end
function script.delete(name) rawset(scripts, name, nil) end
function script.user.catalog() return next, scripts end

-- for the engine -------------------------------------------------------------------------------
local own = {}  -- names that are not the chunks'
local function message_of(value)
  return type(value) == "string" and value or "(error object is not a string)"
end

local function run(chunk)
  used, fatal, leaving = 0, nil, false
  sethook(tick, "", step)
  local ok, message = raw_pcall(chunk)
  sethook()
  chunk = nil
  if not ok then raw_pcall(collect) end
  if collect("count") > most_kilobytes then raw_pcall(collect) end
  if collect("count") > most_kilobytes then
    for name in next, world do
      if not own[name] then rawset(world, name, nil) end
    end
    raw_pcall(collect)
    ok, leaving, message = false, false, "not enough memory"
  end
  if not ok and not leaving then return "runtime", message_of(message) end
end

local engine = {world = world, make = make, callable = callable}
function engine.execute(text)
  local chunk, message = compiled(text)
  if not chunk then return "syntax", message end
  return run(chunk)
end
function engine.load(text, name)
  local made, message = new_script(text, name)
  if not made then return "syntax", message end
end
function engine.run_script(name)
  local made = name == "" and anonymous or rawget(scripts, name)
  return run(function() made() end)
end
function engine.set_precision(digits) number_format = "%." .. (digits - 1) .. "e" end
function engine.handle_of(object) return handles[object] end
function engine.seal()
  for name in next, world do own[name] = true end
end
return engine
"""
