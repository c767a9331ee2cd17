-- Returns all routes as one JSON document, in a fixed order.
local keys = redis.call('KEYS', 'frontend:*')
table.sort(keys)
local frontends = {}
for i, key in ipairs(keys) do
    frontends[i] = '  ' .. cjson.encode(string.sub(key, 10)) .. ': '
        .. cjson.encode(redis.call('LRANGE', key, 0, -1))
end
local body = #keys == 0 and '{}' or '{\n' .. table.concat(frontends, ',\n') .. '\n }'
return '{"format": "hipache-routes/1",\n "frontends": ' .. body .. '}'
