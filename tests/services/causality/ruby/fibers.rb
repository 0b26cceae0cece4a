# Fibers on async-http's reactor, one thread: two calls with a sleep between them, then two at once.
require 'async'
require 'async/http/internet'
require 'async/http/server'
require 'async/http/endpoint'

port, callee = ARGV
BASE = "http://localhost:#{callee}/down"

Async do
  client = Async::HTTP::Internet.new
  get = ->(path) { client.get("#{BASE}/#{path}").read }
  application = lambda do |request|
    id = request.path.split('/')[2]
    get.call("#{id}/1")
    Async::Task.current.sleep(0.001 + rand * 0.005)
    get.call("#{id}/2")
    [3, 4].map { |number| Async { get.call("#{id}/#{number}") } }.each(&:wait)
    Protocol::HTTP::Response[200, {}, ['ok']]
  end
  endpoint = Async::HTTP::Endpoint.parse("http://127.0.0.1:#{port}")
  Async::HTTP::Server.for(endpoint, &application).run
end
