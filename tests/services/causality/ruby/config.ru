# Four calls a request with net/http, one after the other.
require 'net/http'
require 'socket'

CALLEE = ENV.fetch('CALLEE').to_i
DATABASE = ENV.fetch('DATABASE').to_i

def pooled
  Thread.current[:callee] ||= Net::HTTP.start('127.0.0.1', CALLEE)
end

def ping(id)
  database = (Thread.current[:database] ||= TCPSocket.new('127.0.0.1', DATABASE))
  database.write("PING #{id}\n")
  database.gets
end

run(lambda do |environment|
  id = environment['PATH_INFO'].split('/')[2]
  pooled.get("/down/#{id}/1")
  ping(id)
  pooled.get("/down/#{id}/2")
  pooled.get("/down/#{id}/3")
  Net::HTTP.start('127.0.0.1', CALLEE) { |fresh| fresh.get("/down/#{id}/4") }
  [200, { 'content-type' => 'text/plain', 'content-length' => '2' }, ['ok']]
end)
