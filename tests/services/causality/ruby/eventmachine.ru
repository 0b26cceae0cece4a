# EventMachine on Thin: two calls with a timer between them; and, if asked, a poller on the loop's own thread.
require 'em-http-request'

CALLEE = "http://localhost:#{ENV.fetch('CALLEE')}/down"

def call(path, &done)
  EM::HttpRequest.new("#{CALLEE}/#{path}").get.callback(&done)
end

if ENV['POLLER']
  EM.next_tick do
    number = 0
    EM.add_periodic_timer(0.005) { call("background.#{ENV['POLLER']}/#{number += 1}") {} }
  end
end

run(lambda do |environment|
  id = environment['PATH_INFO'].split('/')[2]
  answer = environment['async.callback']
  call("#{id}/1") do
    EM.add_timer(0.001 + rand * 0.005) do
      call("#{id}/2") { answer.call([200, { 'Content-Length' => '2' }, ['ok']]) }
    end
  end
  throw :async
end)
