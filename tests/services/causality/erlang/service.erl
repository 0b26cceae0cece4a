%% inets, server and client: a process a request, on the schedulers' threads. Two calls with a timer between them.
-module(service).
-export([main/1, do/1]).
-include_lib("inets/include/httpd.hrl").

main([Port, Callee, Folder]) ->
    application:ensure_all_started(inets),
    application:set_env(inets, callee, Callee),
    httpc:set_options([{max_sessions, 64}, {max_keep_alive_length, 5}]),
    {ok, _} = inets:start(httpd, [{port, list_to_integer(Port)}, {bind_address, {127, 0, 0, 1}},
                                  {server_name, "service"}, {server_root, Folder}, {document_root, Folder},
                                  {max_keep_alive_request, 100000}, {modules, [?MODULE]}]),
    receive stop -> ok end.

do(#mod{request_uri = "/serve/" ++ Id}) ->
    call(Id ++ "/1"),
    timer:sleep(rand:uniform(6)),
    call(Id ++ "/2"),
    {proceed, [{response, {200, "ok"}}]}.

call(Path) ->
    {ok, Callee} = application:get_env(inets, callee),
    {ok, {{_, 200, _}, _, _}} = httpc:request(get, {"http://localhost:" ++ Callee ++ "/down/" ++ Path, []}, [], []).
