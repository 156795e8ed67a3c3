package redisstore

import "github.com/redis/go-redis/v9"

// The scripts only swap; what may follow what is decided in Go. Times are
// milliseconds, "" stands for none. Every answer begins with Redis' seconds and
// microseconds. Some keys are known only inside a script: they are made from a
// prefix with the same hash tag, so they lie in the same slot. The last ARGV of
// each is a mark that means nothing to Redis.

// clock gives t (what TIME says) and now; text writes a whole number without an
// exponent.
const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function text(n) return string.format('%.0f', n) end
`

// createScript keeps a new request.
//
// KEYS: 1 request, 2 due, 3 open, 4 twin, 5 events.
// ARGV: 1 id, 2 revision, 3 body, 4 event or "", 5 move id, 6 worker, 7 hold,
// 8 time to keep events, 9 prefix of requests, 10 twin.
// Returns: seconds, microseconds, "fresh" or "there", whether the worker holds it,
// when it came; after "there" also the body.
var createScript = redis.NewScript(clock + `
local function there(key, status)
  local h = redis.call('HMGET', key, 'body', 'at', 'holder', 'until')
  local mine = h[3] == ARGV[6] and tonumber(h[4]) > now
  return {t[1], t[2], status, mine and '1' or '', h[2], h[1]}
end
local moves = redis.call('HGET', KEYS[1], 'moves')
if moves then
  if string.find(moves, ' ' .. ARGV[5] .. ' ', 1, true) then return there(KEYS[1], 'fresh') end
  return there(KEYS[1], 'there')
end
local other = redis.call('GET', KEYS[4])
if other and redis.call('ZSCORE', KEYS[3], other) and redis.call('EXISTS', ARGV[9] .. other) == 1 then
  return there(ARGV[9] .. other, 'there')
end
local hold, at = tonumber(ARGV[7]), text(now)
redis.call('HSET', KEYS[1], 'body', ARGV[3], 'rev', ARGV[2], 'at', at, 'twin', ARGV[10], 'moves', ' ' .. ARGV[5] .. ' ')
if hold > 0 then
  redis.call('HSET', KEYS[1], 'holder', ARGV[6], 'until', text(now + hold))
end
redis.call('ZADD', KEYS[2], text(now + hold), ARGV[1])
redis.call('ZADD', KEYS[3], at, ARGV[1])
redis.call('SET', KEYS[4], ARGV[1])
if ARGV[4] ~= '' then
  redis.call('RPUSH', KEYS[5], at .. ' ' .. ARGV[4])
  redis.call('PEXPIRE', KEYS[5], ARGV[8])
end
return {t[1], t[2], 'fresh', hold > 0 and '1' or '', at}
`)

// swapScript writes the next version of a request, if nobody was faster. One that
// had ended and has not, for a late answer came, is open again.
//
// KEYS: 1 request, 2 due, 3 open, 4 events.
// ARGV: 1 id, 2 revision it replaces, 3 revision it makes, 4 body, 5 event or "",
// 6 move id, 7 not after or "", 8 worker, 9 hold, 10 due or "", 11 "1" if it ends,
// 12 time to keep the request, 13 time to keep events, 14 prefix of twins.
// Returns: seconds, microseconds, status, whether the worker holds it, when it
// came, and the body if it is not the one just sent. status is "won" (now or
// before), "conflict", "late" or "none".
var swapScript = redis.NewScript(clock + `
local key, id, worker = KEYS[1], ARGV[1], ARGV[8]
local h = redis.call('HMGET', key, 'rev', 'moves', 'holder', 'until', 'at', 'twin')
if not h[1] then return {t[1], t[2], 'none'} end
local good = h[3] and tonumber(h[4]) > now
local mine = good and h[3] == worker
local function answer(status, body)
  return {t[1], t[2], status, mine and '1' or '', h[5], body}
end
if string.find(h[2], ' ' .. ARGV[6] .. ' ', 1, true) then
  return answer('won', h[1] ~= ARGV[3] and redis.call('HGET', key, 'body'))
end
if h[1] ~= ARGV[2] then return answer('conflict', redis.call('HGET', key, 'body')) end
if ARGV[7] ~= '' and now > tonumber(ARGV[7]) then return answer('late') end

local moves = h[2] .. ARGV[6] .. ' '
local _, spaces = string.gsub(moves, ' ', '')
if spaces > 33 then moves = string.match(moves, '^ [^ ]+( .*)$') end
redis.call('HSET', key, 'body', ARGV[4], 'rev', ARGV[3], 'moves', moves)
if ARGV[5] ~= '' then
  redis.call('RPUSH', KEYS[4], text(now) .. ' ' .. ARGV[5])
  redis.call('PEXPIRE', KEYS[4], ARGV[13])
end

local hold = tonumber(ARGV[9])
if mine or not good then
  if hold > 0 then
    redis.call('HSET', key, 'holder', worker, 'until', text(now + hold))
    redis.call('ZADD', KEYS[2], text(now + hold), id)
  else
    redis.call('HDEL', key, 'holder', 'until')
    if ARGV[10] ~= '' then redis.call('ZADD', KEYS[2], ARGV[10], id) else redis.call('ZREM', KEYS[2], id) end
  end
  mine = hold > 0
end

if ARGV[11] == '1' then
  redis.call('ZREM', KEYS[3], id)
  local twin = ARGV[14] .. h[6]
  if redis.call('GET', twin) == id then redis.call('DEL', twin) end
  redis.call('PEXPIRE', key, ARGV[12])
elseif redis.call('ZADD', KEYS[3], 'NX', h[5], id) == 1 then
  redis.call('PERSIST', key)
  redis.call('SET', ARGV[14] .. h[6], id, 'NX')
end
return answer('won')
`)

// takeScript hands out due requests. A hold is good exactly as long as the
// request's entry in due lies ahead, so what is due is held by nobody.
//
// KEYS: 1 due, 2 list of what this take handed out.
// ARGV: 1 prefix of requests, 2 worker, 3 hold, 4 how many.
// Returns: seconds, microseconds, milliseconds to the next due request or "", then
// body and time of coming of each.
var takeScript = redis.NewScript(clock + `
local ids = redis.call('LRANGE', KEYS[2], 0, -1)
local again = #ids > 0
if not again then ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, ARGV[4]) end
local out, ends = {t[1], t[2], ''}, text(now + ARGV[3])
for _, id in ipairs(ids) do
  local key = ARGV[1] .. id
  local h = redis.call('HMGET', key, 'body', 'at', 'holder')
  if not h[1] then
    redis.call('ZREM', KEYS[1], id)
  elseif not again or h[3] == ARGV[2] then
    redis.call('HSET', key, 'holder', ARGV[2], 'until', ends)
    redis.call('ZADD', KEYS[1], ends, id)
    if not again then redis.call('RPUSH', KEYS[2], id) end
    out[#out + 1] = h[1]
    out[#out + 1] = h[2]
  end
end
if #out > 3 then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if next[2] then out[3] = text(math.max(1, tonumber(next[2]) - now)) end
return out
`)

// loadScript reads a request.
//
// KEYS: 1 request.
// Returns: seconds, microseconds, and body and time of coming if it is there.
var loadScript = redis.NewScript(clock + `
local h = redis.call('HMGET', KEYS[1], 'body', 'at')
return {t[1], t[2], h[1], h[2]}
`)

// openScript lists the newest open requests.
//
// KEYS: 1 open.
// ARGV: 1 prefix of requests, 2 how many.
// Returns: seconds, microseconds, then body and time of coming of each.
var openScript = redis.NewScript(clock + `
local out = {t[1], t[2]}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[2] - 1)) do
  local h = redis.call('HMGET', ARGV[1] .. id, 'body', 'at')
  if h[1] then
    out[#out + 1] = h[1]
    out[#out + 1] = h[2]
  end
end
return out
`)

// recordScript adds an event, unless the same is among the last 32.
//
// KEYS: 1 events.
// ARGV: 1 event, 2 time to keep events.
// Returns: seconds, microseconds.
var recordScript = redis.NewScript(clock + `
for _, kept in ipairs(redis.call('LRANGE', KEYS[1], -32, -1)) do
  if string.match(kept, '^%d+ (.*)$') == ARGV[1] then return {t[1], t[2]} end
end
redis.call('RPUSH', KEYS[1], text(now) .. ' ' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {t[1], t[2]}
`)

// keepScript keeps outputs instead of those kept before; with none, it only takes
// those away.
//
// KEYS: 1 outputs.
// ARGV: 1 time to keep them, then name and output of each, then the mark.
// Returns: seconds, microseconds.
var keepScript = redis.NewScript(clock + `
redis.call('DEL', KEYS[1])
for i = 2, #ARGV - 2, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {t[1], t[2]}
`)

// outputsScript reads outputs.
//
// KEYS: 1 outputs.
// Returns: seconds, microseconds, then name and output of each.
var outputsScript = redis.NewScript(clock + `
local out = {t[1], t[2]}
for _, s in ipairs(redis.call('HGETALL', KEYS[1])) do out[#out + 1] = s end
return out
`)

// lookScript reads a group's members, or makes the caller the one who asks.
//
// KEYS: 1 members, 2 who is asking.
// ARGV: 1 caller, 2 how long the caller may ask.
// Returns: seconds, microseconds, "known" and the members, or "ask", or "wait".
var lookScript = redis.NewScript(clock + `
local members = redis.call('GET', KEYS[1])
if members then return {t[1], t[2], 'known', members} end
local asking = redis.call('GET', KEYS[2])
if asking and asking ~= ARGV[1] then return {t[1], t[2], 'wait'} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {t[1], t[2], 'ask'}
`)

// tellScript keeps members for the rest of their time, counted from before they
// were asked for, and ends the asking. A caller who has lost its turn keeps
// nothing; with "" for members it only ends its turn.
//
// KEYS: 1 members, 2 who is asking.
// ARGV: 1 caller, 2 members or "", 3 when they are too old.
// Returns: seconds, microseconds.
var tellScript = redis.NewScript(clock + `
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
  local left = ARGV[3] - now
  if ARGV[2] ~= '' and left > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', text(left)) end
end
return {t[1], t[2]}
`)

// spendScript counts a call, if there is room for it. The calls of the time just
// past are members, by when they were counted, in microseconds. One that lies a
// whole time ahead was counted by a clock that has been set back since.
//
// KEYS: 1 calls.
// ARGV: 1 id of this call, 2 how many there may be with it, 3 time, in microseconds.
// Returns: seconds, microseconds, and how many microseconds to wait; "0": counted,
// now or before.
var spendScript = redis.NewScript(clock + `
local us, per, most = t[1] * 1000000 + t[2], tonumber(ARGV[3]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(us - per))
redis.call('ZREMRANGEBYSCORE', KEYS[1], text(us + per), '+inf')
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {t[1], t[2], '0'} end
local n = redis.call('ZCARD', KEYS[1])
if n < most then
  redis.call('ZADD', KEYS[1], text(us), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], text(math.ceil(per / 1000)))
  return {t[1], t[2], '0'}
end
local leaves = redis.call('ZRANGE', KEYS[1], n - most, n - most, 'WITHSCORES')
return {t[1], t[2], text(math.max(1, tonumber(leaves[2]) + per - us))}
`)
