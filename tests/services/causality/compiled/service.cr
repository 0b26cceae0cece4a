# Crystal: a fiber a connection on one thread; two calls with a sleep between them. Arguments: port, the callee's port; a
# third number starts a poller in a fiber of its own.
require "http/server"
require "http/client"

port, callee = ARGV[0].to_i, ARGV[1].to_i
call = ->(path : String) { HTTP::Client.get("http://127.0.0.1:#{callee}/down/#{path}") }

if poller = ARGV[2]?
  spawn do
    (1..).each do |number|
      call.call("background.#{poller}/#{number}")
      sleep 5.milliseconds
    end
  end
end

server = HTTP::Server.new do |context|
  id = context.request.path.split('/')[2]
  call.call("#{id}/1")
  sleep (1 + rand * 5).milliseconds
  call.call("#{id}/2")
  context.response.content_length = 2
  context.response.print "ok"
end
server.listen("127.0.0.1", port)
