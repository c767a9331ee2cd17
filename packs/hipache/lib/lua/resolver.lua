-- Looks up host names: /etc/hosts, then the name server of the container. The
-- engine's own one knows the other instances and containers of the network.
local lrucache = require "resty.lrucache"

local CACHE_SECONDS = 1 -- a container that comes back may have another address
local TIMEOUT_MS = 2000
local TYPE_A = 1

local function read_lines(path)
    local lines = {}
    local file = io.open(path)
    if file then
        for line in file:lines() do
            table.insert(lines, (line:gsub("#.*", "")))
        end
        file:close()
    end
    return lines
end

local function read_hosts()
    local hosts = {}
    for _, line in ipairs(read_lines("/etc/hosts")) do
        local address, names = line:match("^%s*([%d.]+)%s+(.+)$")
        for name in (names or ""):gmatch("%S+") do
            hosts[name:lower()] = hosts[name:lower()] or address
        end
    end
    return hosts
end

local function read_name_server()
    for _, line in ipairs(read_lines("/etc/resolv.conf")) do
        local address = line:match("^%s*nameserver%s+([%d.]+)%s*$")
        if address then
            return address
        end
    end
end

local hosts = read_hosts()
local name_server = read_name_server()
local cache = lrucache.new(4096)

local M = {}

local function encode_query(id, name)
    local labels = {}
    for label in name:gmatch("[^.]+") do
        if #label > 63 then
            return nil
        end
        table.insert(labels, string.char(#label) .. label)
    end
    return string.char(math.floor(id / 256), id % 256)
        .. "\1\0\0\1\0\0\0\0\0\0" -- recursion desired, one question
        .. table.concat(labels) .. "\0\0\1\0\1" -- A, IN
end

local function number(message, position)
    local high, low = message:byte(position, position + 1)
    return low and high * 256 + low
end

-- Returns the position behind the name at position, or nil.
local function skip_name(message, position)
    while true do
        local length = message:byte(position)
        if not length then
            return nil
        elseif length == 0 then
            return position + 1
        elseif length >= 192 then -- a pointer ends the name
            return position + 2
        end
        position = position + length + 1
    end
end

local function decode_addresses(message)
    local addresses = {}
    local position = skip_name(message, 13)
    position = position and position + 4
    for _ = 1, number(message, 7) or 0 do
        position = position and skip_name(message, position)
        local kind = position and number(message, position)
        local length = position and number(message, position + 8)
        if not length then
            break
        end
        if kind == TYPE_A and length == 4 and #message >= position + 13 then
            table.insert(addresses, table.concat({message:byte(position + 10, position + 13)}, "."))
        end
        position = position + 10 + length
    end
    return addresses
end

local function ask(name)
    local id = math.random(0, 65535)
    local query = encode_query(id, name)
    if not query or not name_server then
        return {}
    end
    local socket = ngx.socket.udp()
    socket:settimeout(TIMEOUT_MS)
    local reply
    if socket:setpeername(name_server, 53) and socket:send(query) then
        reply = socket:receive()
    end
    socket:close()
    if not reply or number(reply, 1) ~= id then
        return {}
    end
    return decode_addresses(reply)
end

-- resolve returns an address of a host, one at random when there are several;
-- nil when there is none. It may wait.
function M.resolve(host)
    if host:find("^%d+%.%d+%.%d+%.%d+$") or host:find("^%[") then
        return host
    end
    host = host:lower()
    if hosts[host] then
        return hosts[host]
    end
    local addresses = cache:get(host)
    if not addresses then
        addresses = ask(host)
        cache:set(host, addresses, CACHE_SECONDS)
    end
    return addresses[math.random(math.max(#addresses, 1))]
end

return M
