package redisstore

import "github.com/redis/go-redis/v9"

// The scripts only swap; what may follow what is decided in Go. Times are
// milliseconds, "" stands for none. Every answer begins with Redis' seconds and
// microseconds. Some keys are known only inside a script: they are made from a
// prefix with the same hash tag, so they lie in the same slot. The last ARGV of
// each tells whether the call has left, and means nothing to Redis. A record in an answer
// is its body, when it came, the server that it came to, and its refused clicks: false
// where there are none.

// clock gives t (what TIME says) and now; text writes a whole number without an
// exponent.
const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function text(n) return string.format('%.0f', n) end
`

// clockAndServer is clock, and gives server, since and count: which store this is, when one
// of these scripts first met it (ms), and how often something was written to it that people
// are told of. The answers of these scripts have them after the time. server is made of the
// start of the run id, which is another after the server was started again, the start of
// the replication id, which is another after it was anybody's replica or became a master,
// and the mark. For how long the server has been up says
// less: a replica that takes the master's place has long been up. The last key is where
// mark, server, since and count are kept. Without a mark the answer ends here, with "" for
// all: nothing is read or written in a store that has lost it. What writes calls raise: then
// the answer has the count as it was, with a + behind it. One that is lower than it had been
// is that of an older copy.
//
// INFO takes one section a call up to Redis 6.2; a Redis that does not tell one leaves
// that part empty.
const clockAndServer = clock + which + `
if server == '' then return {t[1], t[2], '', '', ''} end
local function raise()
  redis.call('HINCRBY', KEYS[#KEYS], 'count', 1)
  count = count .. '+'
end
`

// which gives server, since and count; "" for each without a mark.
const which = `
local function told(section, field)
  local info = redis.pcall('INFO', section)
  if type(info) ~= 'string' then return '' end
  local _, last = string.find(info, '\n' .. field .. ':', 1, true)
  return string.sub(last and string.match(info, '^%w+', last + 1) or '', 1, 12)
end
local server, since, count = '', '', ''
local met = redis.call('HMGET', KEYS[#KEYS], 'mark', 'server', 'since', 'count')
if met[1] then
  server, since = told('server', 'run_id') .. '.' .. told('replication', 'master_replid') .. '.' .. met[1], met[3]
  count = met[4] or '0' -- of before it was counted
  if met[2] ~= server then
    since = text(now)
    redis.call('HSET', KEYS[#KEYS], 'server', server, 'since', since)
  end
end
`

// markScript gives the store a mark, if it has none.
//
// KEYS: 1 mark.
// ARGV: 1 the mark.
// Returns: time, "new" if it had none.
var markScript = redis.NewScript(clock + `
if redis.call('HEXISTS', KEYS[1], 'mark') == 1 then return {t[1], t[2], ''} end
redis.call('HSET', KEYS[1], 'mark', ARGV[1])
return {t[1], t[2], 'new'}
`)

// renewScript gives a store that has gone back another mark, if it still is that store:
// whoever runs the next script finds another server, and notes since when.
//
// KEYS: 1 mark.
// ARGV: 1 the server that it is, 2 the mark, then the departure.
// Returns: time and server as it was, "new" if it was given the mark.
var renewScript = redis.NewScript(clockAndServer + `
if server ~= ARGV[1] then return {t[1], t[2], server, since, count, ''} end
redis.call('HSET', KEYS[1], 'mark', ARGV[2])
return {t[1], t[2], server, since, count, 'new'}
`)

// revisionsScript says how far each request has come.
//
// KEYS: 1 mark.
// ARGV: 1 prefix of requests, then ids, then the departure.
// Returns: time and server, then the revision of each, or 0.
var revisionsScript = redis.NewScript(clock + which + `
local out = {t[1], t[2], server, since, count}
for i = 2, #ARGV - 1 do out[#out + 1] = redis.call('HGET', ARGV[1] .. ARGV[i], 'rev') or '0' end
return out
`)

// turnScript gives one worker the turn to say what it knows of a request that is gone. The
// key holds the rank and the worker, "+" behind it if less was said before, or "done"; that
// alone is of a request of which nothing is to be said.
//
// KEYS: 1 what is said of the request.
// ARGV: 1 worker, or "done" once it was said, 2 rank, 3 for how long.
// Returns: time, "first", "more", "done" or "later".
var turnScript = redis.NewScript(clock + `
local has = redis.call('GET', KEYS[1])
local rank, who = string.match(has == 'done' and '9 done' or has or '0 done', '^(%d) (.*)$')
rank = tonumber(rank or 9) - ARGV[2]
local function turn(as, word)
  redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. as, 'PX', ARGV[3])
  return {t[1], t[2], word}
end
if ARGV[1] == 'done' then
  return rank <= 0 and turn('done', 'done') or {t[1], t[2], 'done'}
elseif not has then
  return turn(ARGV[1], 'first')
elseif who == 'done' then
  return rank < 0 and turn(ARGV[1] .. '+', 'more') or {t[1], t[2], 'done'}
elseif rank == 0 and who == ARGV[1] then
  return turn(who, 'first')
elseif rank == 0 and who == ARGV[1] .. '+' then
  return turn(who, 'more')
end
return {t[1], t[2], 'later'}
`)

// createScript keeps a new request.
//
// What a person has asked for lately, and what is open of it, is counted by a list of
// their requests, by when they came. Nobody takes ids out of it but this script: what
// has ended or vanished does not count, and goes when its minute is over.
//
// KEYS: 1 request, 2 due, 3 open, 4 twin, 5 events, 6 audit, 7 asked, 8 mark.
// ARGV: 1 id, 2 revision, 3 body, 4 event or "", 5 move id, 6 worker, 7 hold,
// 8 time to keep events, 9 prefix of requests, 10 twin, 11 "1": what was written
// before is written again, so that replicas can be waited for, 12 how many requests of
// the person may be open, 13 how many there may be in a minute; 0 is no limit.
// Returns: time and server, "fresh" or "there", whether the worker holds it, and the
// record, without its body if that is the one just sent. Or "away", if it has events and no
// record; "open"; or "minute", and after how many milliseconds there is room.
var createScript = redis.NewScript(clockAndServer + `
local function there(key, status)
  local h = redis.call('HMGET', key, 'body', 'at', 'on', 'refused', 'holder', 'until', 'rev')
  if ARGV[11] == '1' then redis.call('HSET', key, 'rev', h[7]) end
  local mine = h[5] == ARGV[6] and tonumber(h[6]) > now
  return {t[1], t[2], server, since, count, status, mine and '1' or '', h[1], h[2], h[3], h[4]}
end
local moves = redis.call('HGET', KEYS[1], 'moves')
if moves then
  if string.find(moves, ' ' .. ARGV[5] .. ' ', 1, true) then return there(KEYS[1], 'fresh') end
  return there(KEYS[1], 'there')
end
if redis.call('EXISTS', KEYS[5]) == 1 then return {t[1], t[2], server, since, count, 'away'} end
local other = redis.call('GET', KEYS[4])
if other and redis.call('ZSCORE', KEYS[3], other) and redis.call('EXISTS', ARGV[9] .. other) == 1 then
  return there(ARGV[9] .. other, 'there')
end
local open, recent, oldest = 0, 0, 0
local asked = redis.call('ZRANGE', KEYS[7], 0, -1, 'WITHSCORES')
for i = 1, #asked, 2 do
  local id, age = asked[i], now - asked[i + 1]
  local lives = redis.call('ZSCORE', KEYS[3], id) and redis.call('EXISTS', ARGV[9] .. id) == 1
  if lives then open = open + 1 end
  if math.abs(age) < 60000 then
    recent, oldest = recent + 1, math.max(oldest, age)
  elseif not lives then
    redis.call('ZREM', KEYS[7], id)
  end
end
if ARGV[12] ~= '0' and open >= tonumber(ARGV[12]) then return {t[1], t[2], server, since, count, 'open'} end
if ARGV[13] ~= '0' and recent >= tonumber(ARGV[13]) then return {t[1], t[2], server, since, count, 'minute', text(60000 - oldest)} end
raise()
local hold, at = tonumber(ARGV[7]), text(now)
redis.call('HSET', KEYS[1], 'body', ARGV[3], 'rev', ARGV[2], 'at', at, 'on', server, 'twin', ARGV[10], 'moves', ' ' .. ARGV[5] .. ' ')
if hold > 0 then
  redis.call('HSET', KEYS[1], 'holder', ARGV[6], 'until', text(now + hold))
end
redis.call('ZADD', KEYS[2], text(now + hold), ARGV[1])
redis.call('ZADD', KEYS[3], at, ARGV[1])
redis.call('SET', KEYS[4], ARGV[1])
redis.call('ZADD', KEYS[7], at, ARGV[1])
redis.call('PEXPIRE', KEYS[7], 7 * 24 * 3600 * 1000)
if ARGV[4] ~= '' then
  redis.call('RPUSH', KEYS[5], at .. ' ' .. ARGV[4])
  redis.call('PEXPIRE', KEYS[5], ARGV[8])
  redis.call('ZADD', KEYS[6], at, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', text(now - ARGV[8]))
end
return {t[1], t[2], server, since, count, 'fresh', hold > 0 and '1' or '', '', at, server}
`)

// turnAwayScript keeps the one event of a run that was refused as it was typed.
//
// KEYS: 1 request, 2 events, 3 audit, 4 mark.
// ARGV: 1 id, 2 event, 3 time to keep it, then the departure.
// Returns: time and server.
var turnAwayScript = redis.NewScript(clockAndServer + `
if redis.call('EXISTS', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('RPUSH', KEYS[2], text(now) .. ' ' .. ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  redis.call('ZADD', KEYS[3], text(now), ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - ARGV[3]))
end
return {t[1], t[2], server, since, count}
`)

// swapScript writes the next version of a request, if nobody was faster.
//
// A host belongs to the request that stands there, as long as that one's record has
// the field holds: one that was lost keeps nobody waiting.
//
// KEYS: 1 request, 2 due, 3 open, 4 events, 5 audit, 6 hosts of its script, 7 refused
// clicks, 8 asked, 9 gone, 10 the text of its script,
// 11 the open requests that have that, 12 outputs, 13 mark.
// ARGV: 1 id, 2 revision it replaces, 3 revision it makes, 4 body, 5 event or "",
// 6 move id, 7 not after or "", 8 worker, 9 hold, 10 due or "", 11 "end" if it ends,
// "gone" if nothing of it is kept then, "free" if whoever asks for the same gets a new
// one, or "", 12 time to keep the request, 13 time to keep events, 14 prefix of twins, 15 prefix of requests,
// 16 the server it is for or "", 17 "take", "keep", "leave" or "",
// 18 "1" as in createScript, 19 the SHA-256 of its script's text or "", 20 the text, or ""
// if Redis has it, 21 prefix of those, 22 what its hosts printed or "", 23 time to keep that, then the hosts
// if 11 or 17 needs them.
// Returns: time and server, status, whether the worker holds it, and the record,
// without its body if that is the one just sent. status is "won" (now or before),
// "conflict", "late", "none", "restarted", "text" if Redis does not have it, or "busy", and
// then the other request and the host follow.
//
// The text of a script stays as long as a request that is open names it there, and then as
// long as the record and the events of the last one.
var swapScript = redis.NewScript(clockAndServer + `
local key, id, worker, hosts = KEYS[1], ARGV[1], ARGV[8], ARGV[17]
local h = redis.call('HMGET', key, 'rev', 'moves', 'holder', 'until', 'at', 'on', 'twin', 'refused', 'script')
if not h[1] then return {t[1], t[2], server, since, count, 'none'} end
local good = h[3] and tonumber(h[4]) > now
local mine = good and h[3] == worker
local function answer(status, old, other, host)
  local body = old and redis.call('HGET', key, 'body') or false
  return {t[1], t[2], server, since, count, status, mine and '1' or '', body, h[5], h[6], h[8], other, host}
end
if string.find(h[2], ' ' .. ARGV[6] .. ' ', 1, true) then
  if ARGV[18] == '1' then redis.call('HSET', key, 'rev', h[1]) end
  return answer('won', h[1] ~= ARGV[3])
end
if h[1] ~= ARGV[2] then return answer('conflict', true) end
if ARGV[7] ~= '' and now > tonumber(ARGV[7]) then return answer('late') end
if ARGV[16] ~= '' and server ~= ARGV[16] then return answer('restarted', true) end

local function other(host)
  local by = redis.call('HGET', KEYS[6], host)
  if by and by ~= id and redis.call('HEXISTS', ARGV[15] .. by, 'holds') == 1 then return by end
end
if hosts == 'take' then
  for i = 24, #ARGV - 1 do
    local by = other(ARGV[i])
    if by then return answer('busy', true, by, ARGV[i]) end
  end
end
if ARGV[19] ~= '' and ARGV[20] == '' and redis.call('EXISTS', KEYS[10]) == 0 then return answer('text') end

raise()
local moves = h[2] .. ARGV[6] .. ' '
local _, spaces = string.gsub(moves, ' ', '')
if spaces > 33 then moves = string.match(moves, '^ [^ ]+( .*)$') end
redis.call('HSET', key, 'body', ARGV[4], 'rev', ARGV[3], 'moves', moves)
if ARGV[5] ~= '' then
  redis.call('RPUSH', KEYS[4], text(now) .. ' ' .. ARGV[5])
  redis.call('PEXPIRE', KEYS[4], ARGV[13])
  redis.call('PEXPIRE', KEYS[7], ARGV[13])
  redis.call('ZADD', KEYS[5], text(now), id)
end

local function lets(script)
  redis.call('ZREM', script .. ':open', id)
  local keep = math.max(ARGV[12], ARGV[13])
  if redis.call('EXISTS', script .. ':open') == 0 and redis.call('PTTL', script) < keep then redis.call('PEXPIRE', script, text(keep)) end
end
if h[9] and h[9] ~= ARGV[19] then lets(ARGV[21] .. h[9]) end
if ARGV[19] ~= '' then
  if ARGV[20] ~= '' then
    redis.call('SET', KEYS[10], ARGV[20])
  elseif redis.call('PTTL', KEYS[10]) >= 0 then
    redis.call('SET', KEYS[10], redis.call('GET', KEYS[10])) -- it stays from now on
  end
  if h[9] ~= ARGV[19] then redis.call('HSET', key, 'script', ARGV[19]) end
  redis.call('ZADD', KEYS[11], text(now), id)
  if ARGV[11] == 'end' then lets(KEYS[10]) end
end
if ARGV[22] ~= '' then redis.call('SET', KEYS[12], ARGV[22], 'PX', ARGV[23]) end

if hosts == 'leave' or ARGV[11] == 'end' then
  redis.call('HDEL', key, 'holds')
  for i = 24, #ARGV - 1 do
    if redis.call('HGET', KEYS[6], ARGV[i]) == id then redis.call('HDEL', KEYS[6], ARGV[i]) end
  end
elseif hosts ~= '' then
  redis.call('HSET', key, 'holds', '1')
  for i = 24, #ARGV - 1 do
    if not other(ARGV[i]) then redis.call('HSET', KEYS[6], ARGV[i], id) end
  end
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

if ARGV[11] ~= '' then
  local twin = ARGV[14] .. h[7]
  if redis.call('GET', twin) == id then redis.call('DEL', twin) end
end
if ARGV[11] == 'end' then
  redis.call('ZREM', KEYS[3], id)
  redis.call('PEXPIRE', key, ARGV[12])
elseif ARGV[11] == 'gone' then
  redis.call('DEL', key, KEYS[4], KEYS[7])
  for _, index in ipairs({2, 3, 5, 8}) do redis.call('ZREM', KEYS[index], id) end
  redis.call('SET', KEYS[9], 'done', 'PX', 60000) -- who remembers it need not say that it is lost
end
return answer('won')
`)

// takeScript hands out due requests. A hold is good exactly as long as the
// request's entry in due lies ahead, so what is due is held by nobody.
//
// KEYS: 1 due, 2 list of what this take handed out, 3 mark.
// ARGV: 1 prefix of requests, 2 worker, 3 hold, 4 how many.
// Returns: time and server, milliseconds to the next due request or "", then each
// record.
var takeScript = redis.NewScript(clockAndServer + `
local ids = redis.call('LRANGE', KEYS[2], 0, -1)
local again = #ids > 0
if not again then ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, ARGV[4]) end
local out, ends = {t[1], t[2], server, since, count, ''}, text(now + ARGV[3])
for _, id in ipairs(ids) do
  local key = ARGV[1] .. id
  local h = redis.call('HMGET', key, 'body', 'at', 'on', 'refused', 'holder')
  if not h[1] then
    redis.call('ZREM', KEYS[1], id)
  elseif not again or h[5] == ARGV[2] then
    redis.call('HSET', key, 'holder', ARGV[2], 'until', ends)
    redis.call('ZADD', KEYS[1], ends, id)
    if not again then redis.call('RPUSH', KEYS[2], id) end
    for i = 1, 4 do out[#out + 1] = h[i] end
  end
end
if #out > 6 then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if next[2] then out[6] = text(math.max(1, tonumber(next[2]) - now)) end
return out
`)

// loadScript reads a request.
//
// KEYS: 1 request, 2 mark.
// Returns: time and server, and the record if it is there.
var loadScript = redis.NewScript(clockAndServer + `
local h = redis.call('HMGET', KEYS[1], 'body', 'at', 'on', 'refused')
return {t[1], t[2], server, since, count, h[1], h[2], h[3], h[4]}
`)

// openScript lists the newest open requests.
//
// KEYS: 1 open, 2 mark.
// ARGV: 1 prefix of requests, 2 how many.
// Returns: time and server, then each record.
var openScript = redis.NewScript(clockAndServer + `
local out = {t[1], t[2], server, since, count}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[2] - 1)) do
  local h = redis.call('HMGET', ARGV[1] .. id, 'body', 'at', 'on', 'refused')
  if h[1] then
    for i = 1, 4 do out[#out + 1] = h[i] end
  end
end
return out
`)

// refuseScript keeps a refused click, or only counts it. It touches neither the revision
// nor the hold nor when the request is due.
//
// refused in the request's hash is "all kept head". The clicks lie in a hash: each under
// its number, and how often each person pressed that has one there, under "by" and who
// that is. recent has the envelopes of the last ones: one that is there was refused before,
// by another bot.
//
// KEYS: 1 request, 2 refused clicks, 3 events.
// ARGV: 1 number, 2 head that it follows, 3 its hash, 4 its text, 5 person, 6 most of a
// person, 7 most of a request, 8 time to keep it where the request has no events, 9 its
// envelope or "", 10 how many of those are remembered, then the departure.
// Returns: seconds, microseconds, "kept", "counted", "conflict" or "none", and refused.
var refuseScript = redis.NewScript(clock + `
local refused = redis.call('HGET', KEYS[1], 'refused')
if not refused and redis.call('EXISTS', KEYS[1]) == 0 then return {t[1], t[2], 'none', ''} end
local all, kept, head = string.match(refused or '0 0 ', '^(%d+) (%d+) (%x*)$')
all, kept = tonumber(all), tonumber(kept)
if head == ARGV[3] then return {t[1], t[2], 'kept', refused} end
local recent = redis.call('HGET', KEYS[2], 'recent') or ' '
if ARGV[9] ~= '' and string.find(recent, ' ' .. ARGV[9] .. ' ', 1, true) then return {t[1], t[2], 'kept', refused} end
local by = 'by ' .. ARGV[5]
local his = tonumber(redis.call('HGET', KEYS[2], by) or 0)
local keep = his < tonumber(ARGV[6]) and kept < tonumber(ARGV[7])
if keep then
  if head ~= ARGV[2] or kept + 1 ~= tonumber(ARGV[1]) then return {t[1], t[2], 'conflict', refused or ''} end
  kept, head = kept + 1, ARGV[3]
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3] .. ' ' .. ARGV[4])
end
if keep or his > 0 then redis.call('HINCRBY', KEYS[2], by, 1) end
if ARGV[9] ~= '' then
  recent = recent .. ARGV[9] .. ' '
  local _, spaces = string.gsub(recent, ' ', '')
  if spaces > ARGV[10] + 1 then recent = string.match(recent, '^ [^ ]+( .*)$') end
  redis.call('HSET', KEYS[2], 'recent', recent)
end
refused = text(all + 1) .. ' ' .. text(kept) .. ' ' .. head
redis.call('HSET', KEYS[1], 'refused', refused)
local left = redis.call('PTTL', KEYS[3])
redis.call('PEXPIRE', KEYS[2], left > 0 and left or ARGV[8])
return {t[1], t[2], keep and 'kept' or 'counted', refused}
`)
