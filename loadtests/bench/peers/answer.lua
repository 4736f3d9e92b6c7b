-- A check answered by nginx: the account's part of the answer lies in Redis, ready made.
local redis = require "nginx.redis"

local answers = ngx.shared.answers
local say = ngx.print
local HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<response><osmp_txn_id>'
local SIGN_END = "</osmp_txn_id>"
local POOL_CONNECTIONS, POOL_MILLISECONDS = 64, 3600000

local function fetched(account, by_socket)
  local client = redis:new()
  client:set_timeout(5000)
  local ok
  if by_socket then
    ok = client:connect(STORE.socket)
  else
    ok = client:connect(STORE.host, STORE.port)
  end
  if not ok then return nil end
  if client:get_reused_times() == 0 then client:auth(STORE.password) end
  local rest = client:get("p:" .. account)
  client:set_keepalive(POOL_MILLISECONDS, POOL_CONNECTIONS)
  if rest == ngx.null then return nil end
  return rest
end

local function answer(rest)
  if not rest then return ngx.exit(503) end
  local sign = ngx.var.arg_txn_id
  ngx.header.content_length = #HEAD + #sign + #SIGN_END + #rest
  say(HEAD, sign, SIGN_END, rest)
end

local function from_redis(by_socket)
  answer(fetched(ngx.var.arg_account, by_socket))
end

local function from_shared_dict()
  local account = ngx.var.arg_account
  local rest = answers:get(account)
  if not rest then
    rest = fetched(account, false)
    if rest then answers:set(account, rest) end
  end
  answer(rest)
end

return {from_redis = from_redis, from_shared_dict = from_shared_dict}
