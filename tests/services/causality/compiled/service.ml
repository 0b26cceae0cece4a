(* OCaml: Lwt on one thread with cohttp; two calls with a sleep between them. Arguments: port, the callee's port; a third
   number starts a poller on the same thread. *)
open Lwt.Infix

let callee = Sys.argv.(2)

let call path =
  let uri = Uri.of_string (Printf.sprintf "http://127.0.0.1:%s/down/%s" callee path) in
  Cohttp_lwt_unix.Client.get uri >>= fun (_, body) -> Cohttp_lwt.Body.drain_body body

let rec poll name number =
  call (Printf.sprintf "background.%s/%d" name number) >>= fun () ->
  Lwt_unix.sleep 0.005 >>= fun () -> poll name (number + 1)

let serve _ request _ =
  match String.split_on_char '/' (Uri.path (Cohttp.Request.uri request)) with
  | [ ""; "serve"; id ] ->
    call (id ^ "/1") >>= fun () ->
    Lwt_unix.sleep (0.001 +. Random.float 0.005) >>= fun () ->
    call (id ^ "/2") >>= fun () -> Cohttp_lwt_unix.Server.respond_string ~status:`OK ~body:"ok" ()
  | _ -> Cohttp_lwt_unix.Server.respond_not_found ()

let () =
  if Array.length Sys.argv > 3 then Lwt.async (fun () -> poll Sys.argv.(3) 1);
  let mode = `TCP (`Port (int_of_string Sys.argv.(1))) in
  Lwt_main.run (Cohttp_lwt_unix.Server.create ~mode (Cohttp_lwt_unix.Server.make ~callback:serve ()))
