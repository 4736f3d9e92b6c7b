-- wrk -s wrk.lua URL -- REQUEST_FILE KEYS_FILE: fills {txn} and {key} of a request's bytes.
local pieces, keys, turn, txn = {}, {}, 0, 0

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
  for key in io.lines(args[2]) do keys[#keys + 1] = key end
  math.randomseed(tonumber(args[3]))
  turn = math.random(#keys)
  txn = turn * 1000
end

local filled = {}

function request()
  turn = turn % #keys + 1
  txn = txn + 1
  for place = 1, #pieces do
    local piece = pieces[place]
    if place % 2 == 1 then
      filled[place] = piece
    elseif piece == "txn" then
      filled[place] = string.format("9%013d", txn)
    else
      filled[place] = keys[turn]
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
