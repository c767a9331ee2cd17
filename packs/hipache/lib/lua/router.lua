-- Sends every request to a backend of its frontend, as hipache does.
local balancer = require "ngx.balancer"
local resolver = require "resolver"
local routes = require "routes"

local MAX_TRIES = 4 -- hipache's retryOnError, 3, and the first one
local CONNECT_SECONDS = 3
local IDLE_SECONDS = 60
local UPGRADED_IDLE_SECONDS = 3600

local M = {}

local function answer(status, message)
    ngx.status = status
    ngx.header.content_type = "text/plain"
    ngx.header.cache_control = "no-cache"
    ngx.header.content_length = #message + 1
    ngx.say(message)
    return ngx.exit(status)
end

local function shuffle(list)
    for i = #list, 2, -1 do
        local j = math.random(i)
        list[i], list[j] = list[j], list[i]
    end
end

-- The backends of a frontend in random order. The ones that are marked as dead
-- come last: better a try than an error, when all are.
local function candidates(frontend)
    local alive, dead = {}, {}
    for index, url in ipairs(frontend.urls) do
        local backend = {index = index - 1, url = url}
        table.insert(frontend.dead[backend.index] and dead or alive, backend)
    end
    shuffle(alive)
    shuffle(dead)
    for _, backend in ipairs(dead) do
        table.insert(alive, backend)
    end
    return alive
end

-- Gives every backend its address: balance cannot wait for a name.
local function locate(backends)
    local located, unusable = {}, {}
    for _, backend in ipairs(backends) do
        if #located == MAX_TRIES then
            break
        end
        local host, port = routes.parse(backend.url)
        backend.address = host and resolver.resolve(host)
        backend.port = port
        table.insert(backend.address and located or unusable, backend)
    end
    return located, unusable
end

-- Access phase: chooses the backends, or answers itself.
function M.route()
    local header = ngx.var.http_host
    if not header or header == "" then
        return answer(400, "no host header")
    end
    if header == "__ping__" then
        local ok, err = routes.ping()
        return answer(ok and 200 or 503, ok and "ok" or "redis: " .. err)
    end
    local frontend, err = routes.read(ngx.var.host)
    if err then
        ngx.log(ngx.ERR, "cannot read the routes: ", err)
        return answer(503, "the routes cannot be read")
    end
    if not frontend then
        return answer(400, "frontend not found")
    end
    local located, unusable = locate(candidates(frontend))
    ngx.ctx.frontend = frontend
    ngx.ctx.backends = located
    ngx.ctx.unusable = unusable
    ngx.ctx.tries = 0
    if #located == 0 then
        return answer(502, "no valid backend")
    end
end

-- Balancer phase, for every try.
function M.balance()
    local ctx = ngx.ctx
    ctx.tries = ctx.tries + 1
    if ctx.tries == 1 then
        balancer.set_more_tries(#ctx.backends - 1)
    end
    local backend = ctx.backends[ctx.tries]
    local idle = ngx.var.http_upgrade and UPGRADED_IDLE_SECONDS or IDLE_SECONDS
    balancer.set_timeouts(CONNECT_SECONDS, idle, idle)
    local ok, err = balancer.set_current_peer(backend.address, backend.port)
    if not ok then
        ngx.log(ngx.ERR, "backend ", backend.url, ": ", err)
        return ngx.exit(502)
    end
end

-- Log phase: marks the backends that took no byte of the request.
function M.report()
    local ctx = ngx.ctx
    if not ctx.frontend or #ctx.frontend.urls < 2 then
        return -- hipache never gives up on an only backend
    end
    local dead = ctx.unusable
    local try = 0
    for sent in (ngx.var.upstream_bytes_sent or ""):gmatch("[%d-]+") do
        try = try + 1
        if tonumber(sent) == 0 or sent == "-" then
            table.insert(dead, ctx.backends[try])
        end
    end
    if #dead == 0 then
        return
    end
    local ok, err = ngx.timer.at(0, function()
        local marked, failure = routes.mark_dead(ctx.frontend, dead)
        if not marked then
            ngx.log(ngx.ERR, "cannot mark dead backends: ", failure)
        end
    end)
    if not ok then
        ngx.log(ngx.ERR, "cannot mark dead backends: ", err)
    end
end

return M
