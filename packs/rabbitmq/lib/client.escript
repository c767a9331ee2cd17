#!/usr/bin/env escript
%% An AMQP client for people and scripts: one command from the arguments, or one
%% from each line of standard input.
%%! -noinput +fnl
-mode(compile).
-include_lib("amqp_client/include/amqp_client.hrl").

main(Arguments) ->
    %% Messages are bytes.
    ok = io:setopts([binary, {encoding, latin1}]),
    logger:set_primary_config(level, none),
    case Arguments of
        ["help" | _] -> usage();
        _ -> with_channel(fun(Channel) -> serve(Channel, Arguments) end)
    end.

usage() ->
    io:put_chars(
        "declare QUEUE [quorum]   make a durable queue\n"
        "publish QUEUE [MESSAGE]  send a persistent message, standard input without MESSAGE\n"
        "get QUEUE [COUNT]        take messages out of the queue and print them, a line each\n"
        "count QUEUE              print the number of messages that are ready\n"
        "purge QUEUE              delete the queue's messages\n"
        "delete QUEUE             delete the queue\n"
        "help                     print this list\n").

with_channel(Use) ->
    Parameters = #amqp_params_network{
        host = "127.0.0.1", username = <<"app">>, virtual_host = <<"app">>,
        password = list_to_binary(os:getenv("RABBITMQ_PASSWORD", ""))},
    case amqp_connection:start(Parameters) of
        {ok, Connection} ->
            {ok, Channel} = amqp_connection:open_channel(Connection),
            Status = Use(Channel),
            amqp_connection:close(Connection),
            halt(Status);
        {error, Reason} ->
            complain("cannot log in: ~p", [Reason]),
            halt(1)
    end.

serve(Channel, []) -> lines(Channel, prompt(), 0);
serve(Channel, Arguments) -> execute(Channel, [list_to_binary(A) || A <- Arguments]).

prompt() ->
    case io:columns() of
        {ok, _} -> "amqp> ";
        _ -> ""
    end.

%% The status is that of the last command which failed.
lines(Channel, Prompt, Status) ->
    case io:get_line(Prompt) of
        eof -> Status;
        Line ->
            case binary:split(string:trim(Line, both, "\r\n\t "), <<" ">>) of
                [<<>>] -> lines(Channel, Prompt, Status);
                [<<"exit">>] -> Status;
                [<<"help">>] -> usage(), lines(Channel, Prompt, Status);
                [<<"publish">>, Rest] -> next(Channel, Prompt, Status, [<<"publish">> | binary:split(Rest, <<" ">>)]);
                [Command] -> next(Channel, Prompt, Status, [Command]);
                [Command, Rest] -> next(Channel, Prompt, Status, [Command | binary:split(Rest, <<" ">>, [global, trim_all])])
            end
    end.

%% An error closes the channel and not the connection, so every line has one.
next(Channel, Prompt, Status, [<<"publish">>, _]) ->
    complain("publish needs a message here", []),
    lines(Channel, Prompt, max(Status, 2));
next(Channel, Prompt, Status, Words) ->
    case execute(Channel, Words) of
        0 -> lines(Channel, Prompt, Status);
        Failed when Prompt =:= "" -> Failed;
        _ -> 1
    end.

execute(Channel, Words) ->
    try command(Channel, Words) of
        ok -> 0;
        {status, Status} -> Status
    catch
        exit:{{shutdown, {server_initiated_close, _, Text}}, _} ->
            complain("~s", [Text]),
            1
    end.

command(Channel, [<<"declare">>, Queue | Type]) when Type =:= []; Type =:= [<<"quorum">>]; Type =:= [<<"classic">>] ->
    Arguments = [{<<"x-queue-type">>, longstr, T} || T <- Type],
    #'queue.declare_ok'{} = amqp_channel:call(Channel,
        #'queue.declare'{queue = Queue, durable = true, arguments = Arguments}),
    ok;
command(Channel, [<<"publish">>, Queue]) ->
    publish(Channel, Queue, iolist_to_binary(standard_input([])));
command(Channel, [<<"publish">>, Queue, Message]) ->
    publish(Channel, Queue, Message);
command(Channel, [<<"get">>, Queue]) ->
    get(Channel, Queue, 1);
command(Channel, [<<"get">>, Queue, Count]) ->
    get(Channel, Queue, binary_to_integer(Count));
command(Channel, [<<"count">>, Queue]) ->
    #'queue.declare_ok'{message_count = Count} =
        amqp_channel:call(Channel, #'queue.declare'{queue = Queue, passive = true}),
    io:format("~b~n", [Count]);
command(Channel, [<<"purge">>, Queue]) ->
    #'queue.purge_ok'{} = amqp_channel:call(Channel, #'queue.purge'{queue = Queue}),
    ok;
command(Channel, [<<"delete">>, Queue]) ->
    #'queue.delete_ok'{} = amqp_channel:call(Channel, #'queue.delete'{queue = Queue}),
    ok;
command(_, _) ->
    complain("unknown command; 'help' lists them", []),
    {status, 2}.

%% The message is on the server's disk when this returns. A queue that does not
%% exist is an error, where the server would drop the message.
publish(Channel, Queue, Message) ->
    #'queue.declare_ok'{} = amqp_channel:call(Channel, #'queue.declare'{queue = Queue, passive = true}),
    #'confirm.select_ok'{} = amqp_channel:call(Channel, #'confirm.select'{}),
    ok = amqp_channel:call(Channel, #'basic.publish'{routing_key = Queue},
        #amqp_msg{props = #'P_basic'{delivery_mode = 2}, payload = Message}),
    case amqp_channel:wait_for_confirms(Channel, 60) of
        true -> ok;
        _ ->
            complain("the server did not confirm the message", []),
            {status, 1}
    end.

get(_, _, 0) -> ok;
get(Channel, Queue, Count) ->
    case amqp_channel:call(Channel, #'basic.get'{queue = Queue}) of
        #'basic.get_empty'{} ->
            complain("the queue is empty", []),
            {status, 1};
        {#'basic.get_ok'{delivery_tag = Tag}, #amqp_msg{payload = Message}} ->
            io:put_chars([Message, $\n]),
            amqp_channel:call(Channel, #'basic.ack'{delivery_tag = Tag}),
            get(Channel, Queue, Count - 1)
    end.

standard_input(Read) ->
    case io:get_chars("", 65536) of
        eof -> lists:reverse(Read);
        Bytes -> standard_input([Bytes | Read])
    end.

complain(Format, Arguments) ->
    io:format(standard_error, "client: " ++ Format ++ "~n", Arguments).
