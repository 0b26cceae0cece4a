worker_processes 8
listen "127.0.0.1:#{ENV.fetch('PORT')}", tcp_defer_accept: 1
