-- Replaces all routes by those of the document that export.lua made: checks it
-- first, then changes everything in one step.
local ok, document = pcall(cjson.decode, ARGV[1])
if not ok or type(document) ~= 'table' or document.format ~= 'hipache-routes/1'
    or type(document.frontends) ~= 'table' then
    return redis.error_reply('this is not a complete backup of routes; the routes are unchanged')
end
for host, list in pairs(document.frontends) do
    local valid = type(host) == 'string' and type(list) == 'table' and #list > 0
    for _, value in ipairs(valid and list or {}) do
        valid = valid and type(value) == 'string'
    end
    if not valid then
        return redis.error_reply('the route of ' .. tostring(host) .. ' is invalid; the routes are unchanged')
    end
end
for _, pattern in ipairs({'frontend:*', 'dead:*'}) do
    for _, key in ipairs(redis.call('KEYS', pattern)) do
        redis.call('DEL', key)
    end
end
for host, list in pairs(document.frontends) do
    for _, value in ipairs(list) do
        redis.call('RPUSH', 'frontend:' .. host, value)
    end
end
return 'OK'
