# What the test machine does with the agent; the host judges the files that it leaves here.
#
#   check.json, check.status   `sonde check`
#   spans.jsonl, run.status    `sonde run`, stopped by SIGTERM after the requests
#   release, lockdown          the kernel and its mode
#   *.log                      for people, when something went wrong
#
# `settings` defines PYTHON, SERVER_PORT, HEALTH_PORT and REQUESTS (the paths to ask for).
# Nothing here may take for granted how long something takes: emulation is tens of times slower.
cd /run/exchange || exit 1
. ./settings

# Waits until a command succeeds, for two minutes at most.
await() {
	tries=240
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.5
	done
}

ready() { kill -0 "$agent" && curl --silent --fail --output /dev/null "http://127.0.0.1:$HEALTH_PORT/readyz"; }
gone_or_ready() { ! kill -0 "$agent" || ready; }
serving() { grep -q Serving server.log; }
# As many SERVER spans as requests, and the CLIENT span of each, have been written.
traced() {
	servers=0
	for path in $REQUESTS; do
		grep -q "\"http://127.0.0.1:$SERVER_PORT/$path\"" spans.jsonl || return 1
		servers=$((servers + 1))
	done
	[ "$(grep -o '"kind":2' spans.jsonl | wc -l)" -ge $servers ]
}

uname -r >release
cat /sys/kernel/security/lockdown >lockdown

./sonde check --json >check.json 2>check.log
echo $? >check.status

for path in $REQUESTS; do
	mkdir -p /tmp/documents
	echo "$path" >"/tmp/documents/$path"
done
"$PYTHON" -u -m http.server --directory /tmp/documents --bind 127.0.0.1 "$SERVER_PORT" >server.log 2>&1 &
await serving || exit 1

./sonde run --export jsonl --metrics-listen "127.0.0.1:$HEALTH_PORT" >spans.jsonl 2>run.log &
agent=$!
await gone_or_ready
ready || { wait $agent; echo $? >run.status; exit 0; }

for path in $REQUESTS; do
	curl --silent --show-error --fail --output /dev/null "http://127.0.0.1:$SERVER_PORT/$path" 2>>client.log
done
await traced
kill -TERM $agent
wait $agent
echo $? >run.status
