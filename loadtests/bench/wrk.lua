-- wrk -s wrk.lua URL -- REQUEST_FILE KEYS_FILE: fills {txn} and {key} of a request's bytes.
-- LuaJIT hashes a few places of a string only, and requests differ elsewhere: dead ones are cleared
-- away before a search among them costs more than all the rest. So the keys stay one text, which
-- the collector passes at a glance.
local DEAD_MAX = 128
local pieces, keys, stride, count, turn, txn = {}, "", 0, 0, 0, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local rest = file:read("*a")
  file:close()
  while true do
    local from, to, gap = rest:find("{(%a+)}")
    if not from then break end
    pieces[#pieces + 1] = rest:sub(1, from - 1)
    pieces[#pieces + 1] = gap
    rest = rest:sub(to + 1)
  end
  pieces[#pieces + 1] = rest
  local lines = assert(io.open(args[2], "rb"))
  keys = lines:read("*a")
  lines:close()
  stride = assert(keys:find("\n"))
  count = #keys / stride
  assert(count % 1 == 0, "keys of different lengths")
  math.randomseed(tonumber(args[3]))
  turn = math.random(count)
  txn = turn * 1000
end

local filled = {}

function request()
  turn = turn % count + 1
  txn = txn + 1
  if txn % DEAD_MAX == 0 then collectgarbage() end
  for place = 1, #pieces do
    local piece = pieces[place]
    if place % 2 == 1 then
      filled[place] = piece
    elseif piece == "txn" then
      filled[place] = string.format("9%013d", txn)
    else
      filled[place] = keys:sub((turn - 1) * stride + 1, turn * stride - 1)
    end
  end
  return table.concat(filled)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "\nRESULT %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
