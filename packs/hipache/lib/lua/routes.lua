-- hipache's data model in redis:
--   frontend:HOST  list: an identifier, then the URLs of the backends
--   dead:HOST      set: the indexes of dead backends, from 0
local redis = require "nginx.redis"

local DEAD_SECONDS = 30 -- hipache's deadBackendTTL
local MAX_WILDCARD_PARTS = 6
local password = os.getenv("REDIS_PASSWORD")

local M = {}

-- with calls use with a connection that is logged in, and returns what it does.
local function with(use)
    local connection = redis:new()
    connection:set_timeout(1000)
    local ok, err = connection:connect("127.0.0.1", 6379)
    if not ok then
        return nil, err
    end
    if connection:get_reused_times() == 0 then
        ok, err = connection:auth(password)
        if not ok then
            connection:close()
            return nil, err
        end
    end
    local result
    result, err = use(connection)
    if result then
        connection:set_keepalive(60000, 64)
    else
        connection:close()
    end
    return result, err
end

function M.ping()
    return with(function(connection)
        return connection:ping()
    end)
end

-- The names under which a host may be found: itself, then up to five wildcards
-- and the one for everything.
local function lookups(host)
    local parts = {}
    for part in host:gmatch("[^.]+") do
        table.insert(parts, part)
    end
    local names = {host}
    for first = math.max(1, #parts - MAX_WILDCARD_PARTS + 1) + 1, #parts do
        table.insert(names, "*." .. table.concat(parts, ".", first))
    end
    table.insert(names, "*")
    return names
end

-- read returns the frontend of a host: {host, urls, dead}; nil when there is
-- none; nil and an error when redis does not say.
function M.read(host)
    local names = lookups(host)
    local replies, err = with(function(connection)
        connection:init_pipeline(#names + 1)
        for _, name in ipairs(names) do
            connection:lrange("frontend:" .. name, 0, -1)
        end
        connection:smembers("dead:" .. host)
        return connection:commit_pipeline()
    end)
    if not replies then
        return nil, err
    end
    for _, reply in ipairs(replies) do
        if reply[1] == false then
            return nil, reply[2]
        end
    end
    local dead = {}
    for _, index in ipairs(table.remove(replies)) do
        dead[tonumber(index) or index] = true
    end
    for _, list in ipairs(replies) do
        if #list > 0 then
            table.remove(list, 1)
            return {host = host, urls = list, dead = dead}
        end
    end
    return nil
end

-- mark_dead tells the other workers, and whoever listens on the channel "dead".
function M.mark_dead(frontend, backends)
    local key = "dead:" .. frontend.host
    return with(function(connection)
        connection:init_pipeline()
        for _, backend in ipairs(backends) do
            connection:sadd(key, backend.index)
            connection:publish("dead", table.concat(
                {frontend.host, backend.url, backend.index, #frontend.urls}, ";"))
        end
        connection:expire(key, DEAD_SECONDS)
        return connection:commit_pipeline()
    end)
end

-- parse returns the host and port of a backend's URL; nil when it has none.
function M.parse(url)
    local authority = url:match("^[hH][tT][tT][pP]://([^/?#@]+)")
    if not authority then
        return nil
    end
    local host, port = authority:match("^(%[[%x:.]+%]):?(%d*)$")
    if not host then
        host, port = authority:match("^([^%[%]:]+):?(%d*)$")
    end
    if not host then
        return nil
    end
    return host, tonumber(port) or 80
end

return M
