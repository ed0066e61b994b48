#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks against real servers: a MariaDB primary and its replica, a gRPC server with the health
# service, programs, and agents that speak for their backends.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

HERE=$(dirname "$0")
CHECKS_MOST=3 # connection errors after which the primary refuses a host

# check_yaml NAME PORT CHECK [INTERVAL]
check_yaml()
{
	local i
	cat <<-END
		  - name: $1
		    address: $VIP44
		    port: $2
		    damping: false
		    check: { interval: ${4:-300ms}, timeout: 290ms, rise: 1, fall: 2, $3 }
		    backends:
	END
	for i in 1 2; do
		echo "      - { name: app-0$i, address: 10.0.1.1$i }"
	done
}

configure()
{
	local login="type: mysql, user: watcher, password_file: $NET_DIR/password"
	local tls="tls: { server_name: rpc.example, ca_file: $NET_DIR/rpc.pem }"
	config_head
	check_yaml db 3306 "type: mysql"
	check_yaml db-login 3307 "port: 3306, $login"
	check_yaml db-primary 3308 "port: 3306, $login, role: primary"
	check_yaml db-replica 3309 "port: 3306, $login, role: replica, max_lag: 5s"
	check_yaml db-tls 3310 "port: 3306, $login, role: primary, $tls"
	check_yaml db-other 3311 "port: 3306, $login, tls: { server_name: other.example, ca_file: $NET_DIR/rpc.pem }" 60s
	check_yaml rpc 5051 "type: grpc"
	check_yaml rpc-cart 5052 "type: grpc, port: 5051, service: shop.Cart, host: cart.example"
	check_yaml rpc-other 5053 "type: grpc, port: 5051, service: shop.Other"
	check_yaml rpc-tls 5054 "type: grpc, $tls"
	check_yaml program 6000 "type: exec, command: [/bin/sh, -c, '$PROGRAM']"
	check_yaml agent 80 "type: tcp"
	echo "    agent: { port: 8888, interval: 300ms, timeout: 200ms }"
}

# Its own user, environment, files and rights are what the first backend's program looks at; the second
# one's says why it fails.
# shellcheck disable=SC2016
PROGRAM='case $POISE_BACKEND in
	app-02) echo "$POISE_SERVICE $POISE_ADDRESS $POISE_PORT"; echo more; exit 7;;
	esac;
	[ "$(id -un)" = nobody ] && [ "$(env | grep -c =)" -le 8 ] &&
	[ "$(ls /proc/self/fd | wc -l)" -le 4 ] &&
	grep -q "^CapEff:.0000000000000000$" /proc/self/status &&
	grep -q "^NoNewPrivs:.1$" /proc/self/status'
PROGRAM=$(tr '\n\t' '  ' <<<"$PROGRAM")

#
# servers
#

# db_make I: an empty database, made once and copied.
db_make()
{
	if [ ! -d "$NET_DIR/db" ]; then
		mysql_install_db --no-defaults --datadir="$NET_DIR/db" --user=root --skip-test-db \
			--auth-root-authentication-method=normal >"$NET_DIR/db.log" 2>&1
	fi
	cp -r "$NET_DIR/db" "$NET_DIR/db$1"
}

# db_start I OPTION...: with names for addresses, without which a server does not count errors.
db_start()
{
	local i=$1
	shift
	printf '127.0.0.1 localhost\n10.0.1.2 balancer.example\n10.0.1.12 b2.example\n' >"$NET_DIR/hosts"
	on_start "b$i" "db$i" unshare -m sh -c 'mount --bind "$0" /etc/hosts; exec "$@"' "$NET_DIR/hosts" \
		mariadbd --no-defaults --user=root --datadir="$NET_DIR/db$i" --socket="$NET_DIR/db$i.sock" \
		--pid-file="$NET_DIR/db$i.pid" --bind-address=0.0.0.0 --server-id="$i" --log-bin \
		--gtid-domain-id=0 --max-connect-errors=$CHECKS_MOST --performance-schema=on --ssl-cert="$NET_DIR/rpc.pem" \
		--ssl-key="$NET_DIR/rpc.key" "$@"
}

sql() { mysql --no-defaults -u root -S "$NET_DIR/db$1.sock" -N -e "$2"; }

certificate_make()
{
	openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=rpc.example -keyout "$NET_DIR/rpc.key" \
		-addext subjectAltName=DNS:rpc.example -out "$NET_DIR/rpc.pem" 2>/dev/null
}

databases_start()
{
	echo secret >"$NET_DIR/password"
	chmod 600 "$NET_DIR/password"
	db_make 1
	db_make 2
	db_start 1
	db_start 2 --read-only=1
	wait_for 60 sql 1 "SELECT 1"
	wait_for 60 sql 2 "SELECT 1"
	sql 1 "CREATE USER watcher@'%' IDENTIFIED BY 'secret'; GRANT SLAVE MONITOR ON *.* TO watcher@'%';
		CREATE USER copy@'%' IDENTIFIED BY 'copy'; GRANT REPLICATION SLAVE ON *.* TO copy@'%'"
	sql 2 "CHANGE MASTER TO MASTER_HOST='10.0.1.11', MASTER_USER='copy', MASTER_PASSWORD='copy',
		MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE"
}

rpc_start()
{
	local i
	for i in 1 2; do
		echo "$i" >"$NET_DIR/rpc$i" # SERVING, NOT_SERVING
		on_start "b$i" "rpc$i" "$HERE/grpc_server.py" 0.0.0.0:5051 "$NET_DIR/rpc$i"
		on_start "b$i" "rpcs$i" "$HERE/grpc_server.py" 0.0.0.0:5054 "$NET_DIR/rpc$i" \
			"$NET_DIR/rpc.pem" "$NET_DIR/rpc.key"
	done
}

agents_start()
{
	local i
	for i in 1 2; do
		echo "up ready 100%" >"$NET_DIR/agent$i"
		on_start "b$i" "agent$i" "$HERE/line_server.py" 8888 "$NET_DIR/agent$i"
	done
}

#
# what is expected
#

# comes STATE SERVICE BACKEND: within some time.
comes() { wait_for 60 is_state "$@"; }

error_is() { [ "$(status_of "$1" "$2" health.error)" = "$3" ]; }

# fails SERVICE BACKEND ERROR
fails() { wait_for 60 error_is "$1" "$2" "$3" && comes down "$1" "$2"; }

weight_is() { [ "$(status_of agent app-01 effective_weight)" = "$1" ]; }

agent_says() { echo "$1" >"$NET_DIR/agent1"; }

agent_error() { [ -n "$(status_of agent app-01 agent.error)" ]; }

agent_heard() { [ "$(status_of agent app-01 agent.heard)" = true ]; }

never_blocked()
{
	local checks
	checks=$(sql 1 "SHOW GLOBAL STATUS LIKE 'Aborted_connects'" | awk '{ print $2 }')
	[ "$checks" -gt $((CHECKS_MOST * 2)) ] && [ "$(status_of db app-01)" = up ] &&
		[ "$(sql 1 "SELECT SUM_CONNECT_ERRORS FROM performance_schema.host_cache
			WHERE IP = '10.0.1.2' AND HOST_VALIDATED = 'YES'")" = 0 ]
}

#
# the test
#

tap_begin
for program in mariadbd openssl; do
	command -v $program >/dev/null || { echo "1..0 # SKIP $program is not installed"; exit 0; }
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || { echo "1..0 # SKIP python3-grpcio is not installed"; exit 0; }
certificate_make
databases_start
rpc_start
agents_start
configure >"$NET_CONFIG"
poised_start

check "mysql: a server that greets passes" comes up db app-01 app-02
check "mysql: a login passes" comes up db-login app-01 app-02
check "mysql: the primary is one" comes up db-primary app-01
check "mysql: the replica is none" fails db-primary app-02 "read_only is ON, expected a primary"
check "mysql: the primary is one, over TLS" comes up db-tls app-01
check "mysql: the replica is none, over TLS" fails db-tls app-02 "read_only is ON, expected a primary"
check "mysql: a certificate of another name" fails db-other app-01 \
	"certificate names rpc.example, not other.example"
check "mysql: the replica is one" comes up db-replica app-02
check "mysql: the primary is none" fails db-replica app-01 "replication is not set up, expected a replica"

sql 2 "STOP SLAVE SQL_THREAD"
check "mysql: a replica that stopped" fails db-replica app-02 "replication stopped: SQL thread not running"
sql 2 "START SLAVE"
check "mysql: it goes on" comes up db-replica app-02
sql 2 "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=3600; START SLAVE"
sql 1 "CREATE DATABASE later"
lags() { contains "$(status_of db-replica app-02 health.error)" "replication lag "; }
check "mysql: a replica that lags" wait_for 60 lags
sql 2 "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE"
check "mysql: it catches up" comes up db-replica app-02

sql 2 "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0"
sql 1 "SET GLOBAL read_only=1"
check "mysql: roles change" comes up db-primary app-02
check "mysql: the former primary is none" comes down db-primary app-01
sql 1 "SET GLOBAL read_only=0"

echo wrong >"$NET_DIR/password"
check "mysql: a wrong password" fails db-login app-01 "MySQL: access denied: user or password"
chmod 644 "$NET_DIR/password"
unreadable() { contains "$(status_of db-login app-01 health.error)" "not checked: password file"; }
check "mysql: a password that all may read is not used" wait_for 60 unreadable
echo secret >"$NET_DIR/password"
chmod 600 "$NET_DIR/password"
check "mysql: the file is read anew" comes up db-login app-01 app-02
check "mysql: checks without a user do not get this host blocked" wait_for 60 never_blocked
host_kill b1 mariadbd
check "mysql: a server that is gone" fails db app-01 "connection refused"

check "grpc: SERVING passes" comes up rpc app-01
check "grpc: NOT_SERVING" fails rpc app-02 "gRPC health is NOT_SERVING, expected SERVING"
check "grpc: a service by name" comes up rpc-cart app-01
check "grpc: an unknown service" fails rpc-other app-01 "server does not know the gRPC service 'shop.Other'"
check "grpc: over TLS" comes up rpc-tls app-01
echo 1 >"$NET_DIR/rpc2"
check "grpc: it serves again" comes up rpc app-02
echo UNIMPLEMENTED >"$NET_DIR/rpc2"
check "grpc: no health service" fails rpc app-02 "server does not implement the gRPC health service"
echo UNAVAILABLE >"$NET_DIR/rpc2"
check "grpc: another error" fails rpc app-02 "gRPC status 14 (UNAVAILABLE)"
host_kill b2 grpc_server.py
check "grpc: a server that is gone" fails rpc app-02 "connection refused"

check "exec: user, rights, files and environment are as they ought to be" comes up program app-01
check "exec: the first line is the reason" fails program app-02 "exit status 7: program 10.0.1.12 6000"

check "agent: up" comes up agent app-01
agent_says "50%"
check "agent: half of the weight" wait_for 60 weight_is 50
agent_says "drain # being updated"
check "agent: drain" comes draining agent app-01
agent_says "75%"
check "agent: what it does not say stays" wait_for 60 weight_is 75
check "agent: only it takes the drain back" is_state draining agent app-01
poised_stop KILL
host_kill b1 line_server.py
poised_start
check "agent: what it said survives a restart" is_state draining agent app-01
check "agent: one that does not answer changes nothing" wait_for 60 agent_error
check "agent: still drained" is_state draining agent app-01
agent_says "ready down # disk full"
on_start b1 agent1 "$HERE/line_server.py" 8888 "$NET_DIR/agent1"
check "agent: down" comes down agent app-01
agent_says "up 100%"
check "agent: up again" comes up agent app-01

poised_stop TERM
tap_end
