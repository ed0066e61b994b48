#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks of each type against real servers, all on b1: a service for each row of rows(), and what its
# backend must come to. To add a server: a function that starts it, called in servers_start, and rows.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

SERVERS=$NET_DIR/servers # their files
TLS=$NET_DIR/tls         # certificates
PG_BIN=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | tail -n 1)

# Prints a row a check: its name | the program that it needs | what the backend comes to | the check.
# What it comes to: 'up'; 'up:' and a warning; 'down:' and an error; 'not:' and why it is not run.
rows()
{
	local name="server_name: www.example.org" ca="ca_file: $TLS/ca.pem"
	cat <<-END
		https | nginx | up | type: https, port: 8443, host: www.example.org, body: ok, tls: { $ca }
		https-status | nginx | down: status 404, expected 200-399 | type: https, port: 8443, path: /no, tls: { $name, $ca }
		https-name | nginx | down: TLS refused by the server: unrecognized name | type: https, port: 8443, tls: { $ca }
		https-issuer | nginx | down: certificate of an unknown issuer | type: https, port: 8443, tls: { $name }
		https-insecure | nginx | up | type: https, port: 8443, tls: { $name, insecure: true }
		https-expired | nginx | down: certificate has expired ( | type: https, port: 8444, tls: { $ca }
		https-plain | nginx | down: answer is not TLS | type: https, port: 8080, tls: { $name, $ca }
		tls | openssl | up | type: tls, port: 8450, tls: { $name, $ca }
		tls-other-name | openssl | down: certificate names www.example.org, not mail.example.org | type: tls, port: 8450, tls: { server_name: mail.example.org, $ca }
		tls-ends-soon | openssl | up: certificate ends in 300 days ( | type: tls, port: 8450, tls: { $name, $ca, min_days: 301 }
		tls-no-file | openssl | not: not checked: CA file $TLS/none.pem: No such file or directory | type: tls, port: 8450, tls: { ca_file: $TLS/none.pem }
		tls-talk | openssl | up | type: tls, port: 8451, send: "GET / HTTP/1.0\\r\\n\\r\\n", expect: "200 ok", tls: { $name, $ca }
		tls-old | openssl | down: no common TLS version, wanted is 1.2 or newer | type: tls, port: 8452, tls: { $name, $ca }
		redis | redis-server | up | type: redis, port: 6379
		redis-by-hand | redis-server | up | type: tcp, port: 6379, send: 'PING\\r\\n', expect: 'hex:2b 504f4e47 0d0a'
		redis-wants-password | redis-server | up | type: redis, port: 6380
		redis-password | redis-server | up | type: redis, port: 6380, password_file: $SERVERS/password
		redis-wrong-password | redis-server | down: password refused | type: redis, port: 6380, password_file: $SERVERS/wrong
		redis-user | redis-server | up | type: redis, port: 6380, user: poise, password_file: $SERVERS/wrong
		redis-exposed | redis-server | not: not checked: password file '$SERVERS/exposed': others may read it | type: redis, port: 6380, password_file: $SERVERS/exposed
		redis-replica | redis-server | down: Redis has lost its primary | type: redis, port: 6381
		redis-tls | redis-server | up | type: redis, port: 6382, tls: { $name, $ca }
		postgres | postgres | up | type: postgres, port: 5432, user: poise
		postgres-trust | postgres | up | type: postgres, port: 5432, user: postgres
		postgres-no-role | postgres | up | type: postgres, port: 5432, user: nobody-of-that-name
		postgres-tls | postgres | up | type: postgres, port: 5432, tls: { $name, $ca }
		postgres-tls-name | postgres | down: certificate names www.example.org, not db.example.org | type: postgres, port: 5432, tls: { server_name: db.example.org, $ca }
		postgres-recovering | postgres | down: PostgreSQL starts, stops or recovers | type: postgres, port: 5433
		postgres-no-tls | postgres | down: PostgreSQL does not speak TLS | type: postgres, port: 5433, tls: true
		postgres-redis | redis-server | down: timed out after 450 ms waiting for the answer | type: postgres, port: 6379
		dns | dnsmasq | up | type: dns, port: 53, query: www.example.org, query_type: A
		dns-refused | dnsmasq | down: DNS answered REFUSED, expected NOERROR | type: dns, port: 53, query: www.example.net
		dns-expected | dnsmasq | up | type: dns, port: 53, query: www.example.net, rcode: REFUSED
		dns-long | dnsmasq | up | type: dns, port: 53, query: long.example.org, query_type: TXT
		udp | dnsmasq | up | type: udp, port: 53, send: 'hex:cafe0100 00010000 00000000 03777777 07657861 6d706c65 036f7267 00 0001 0001', expect: 'hex:cafe85'
		udp-closed | ip | down: connection refused | type: udp, port: 9, send: a, expect: b
		tcp-closed | ip | down: connection refused | type: tcp, port: 9, expect: a
	END
}

#
# the servers
#

# certificate NAME DAYS SUBJECT: of the test's authority, in NAME.pem and NAME.key.
certificate()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" \
		-keyout "$TLS/$1.key" -out "$TLS/$1.csr" 2>/dev/null
	openssl x509 -req -in "$TLS/$1.csr" -CA "$TLS/ca.pem" -CAkey "$TLS/ca.key" -CAcreateserial \
		-days "$2" -extfile <(echo "subjectAltName=DNS:$3") -out "$TLS/$1.pem" 2>/dev/null
}

certificates_make()
{
	mkdir "$TLS"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 900 \
		-subj "/CN=Poise test" -keyout "$TLS/ca.key" -out "$TLS/ca.pem" 2>/dev/null
	certificate good 301 www.example.org
	certificate expired -1 www.example.org
	chmod -R a+rX "$TLS"
}

has() { command -v "$1" >/dev/null || { [ "$1" = postgres ] && [ -n "$PG_BIN" ]; }; }

# listens PORT: something listens there on b1.
listens() { on b1 ss -Hltn "sport = :$1" | grep -q .; }

nginx_start()
{
	cat >"$SERVERS/nginx.conf" <<-END
		user root;
		daemon off;
		master_process off;
		pid $SERVERS/nginx.pid;
		events { }
		http {
			access_log off;
			server { listen 8080; return 200 "ok\n"; }
			server { listen 8443 ssl default_server; ssl_reject_handshake on; }
			server {
				listen 8443 ssl;
				server_name www.example.org;
				ssl_certificate $TLS/good.pem;
				ssl_certificate_key $TLS/good.key;
				location = / { return 200 "all is ok\n"; }
				location / { return 404; }
			}
			server {
				listen 8444 ssl;
				ssl_certificate $TLS/expired.pem;
				ssl_certificate_key $TLS/expired.key;
			}
		}
	END
	on_start b1 checks.nginx nginx -c "$SERVERS/nginx.conf" -e stderr
	wait_for 60 listens 8444
}

# s_server PORT OPTION...
s_server()
{
	local port=$1
	shift
	on_start b1 checks.openssl openssl s_server -accept "$port" -cert "$TLS/good.pem" \
		-key "$TLS/good.key" -quiet "$@"
	wait_for 60 listens "$port"
}

openssl_start()
{
	s_server 8450
	s_server 8451 -www
	s_server 8452 -tls1_1 -cipher DEFAULT@SECLEVEL=0
}

# redis PORT OPTION...
redis()
{
	local port=$1
	shift
	on_start b1 checks.redis redis-server --port "$port" --bind 0.0.0.0 --save '' \
		--protected-mode no --dir "$SERVERS" "$@"
}

redis_start()
{
	(umask 077 && echo secret >"$SERVERS/password" && echo other >"$SERVERS/wrong")
	install -m 644 "$SERVERS/password" "$SERVERS/exposed"
	redis 6379
	redis 6380 --requirepass secret --user poise on '>other' +ping
	redis 6381 --replicaof 127.0.0.1 1 --replica-serve-stale-data no
	redis 0 --tls-port 6382 --tls-cert-file "$TLS/good.pem" --tls-key-file "$TLS/good.key" \
		--tls-auth-clients no
	for port in 6379 6380 6381 6382; do
		wait_for 60 listens $port
	done
}

# As a user of its own, for PostgreSQL does not run as root.
as_postgres() { on b1 setpriv --reuid postgres --regid postgres --clear-groups "$@"; }

# postgres_run DIRECTORY PORT OPTION...
postgres_run()
{
	local directory=$1 port=$2
	shift 2
	on_start b1 checks.postgres setpriv --reuid postgres --regid postgres --clear-groups \
		"$PG_BIN/postgres" -D "$directory" -p "$port" -k "$SERVERS/postgres" -h 10.0.1.11 "$@"
	wait_for 60 listens "$port"
}

# One that serves, and one that waits for its primary for ever.
postgres_start()
{
	local first=$SERVERS/postgres/first second=$SERVERS/postgres/second
	chmod 711 "$NET_DIR" "$SERVERS"
	install -d -o postgres -g postgres "$SERVERS/postgres"
	install -o postgres -m 600 "$TLS/good.key" "$SERVERS/postgres/key"
	as_postgres "$PG_BIN/initdb" -D "$first" -A trust --no-sync >/dev/null
	as_postgres cp -r "$first" "$second"
	as_postgres tee "$first/pg_hba.conf" >/dev/null <<-END
		host all postgres 0.0.0.0/0 trust
		host all all 0.0.0.0/0 scram-sha-256
	END
	as_postgres touch "$second/standby.signal"
	postgres_run "$first" 5432 -c ssl=on -c ssl_cert_file="$TLS/good.pem" \
		-c ssl_key_file="$SERVERS/postgres/key"
	postgres_run "$second" 5433 -c hot_standby=off -c restore_command=false
}

# The answer about long.example.org does not fit a datagram.
dnsmasq_start()
{
	local part
	part=$(printf '%0200d' 0)
	on_start b1 checks.dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
		--no-hosts --user=root --pid-file= --address=/www.example.org/192.0.2.1 \
		--txt-record="long.example.org,$part,$part,$part,$part"
	wait_for 60 listens 53
}

servers_start()
{
	mkdir "$SERVERS"
	! has nginx || nginx_start
	! has openssl || openssl_start
	! has redis-server || redis_start
	! has postgres || postgres_start
	! has dnsmasq || dnsmasq_start
}

#
# the rows
#

trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }

# Calls a function with each row that can be tested: NAME EXPECTED CHECK; others are skipped, once.
each_row()
{
	local name needs expected what
	while IFS='|' read -r name needs expected what <&4; do
		name=$(trim "$name")
		if has "$(trim "$needs")"; then
			"$1" "$name" "$(trim "$expected")" "$(trim "$what")"
		elif [ "$1" = row_check ]; then
			TAP_COUNT=$((TAP_COUNT + 1))
			echo "ok $TAP_COUNT - $name # SKIP $(trim "$needs") is not installed"
		fi
	done 4< <(rows)
}

ROW=0

row_config()
{
	ROW=$((ROW + 1))
	cat <<-END
		  - name: $1
		    address: 203.0.113.$((ROW + 100))
		    port: 80
		    ring_size: 1021
		    check: { interval: 500ms, timeout: 450ms, $3 }
		    backends:
		      - { name: b1, address: 10.0.1.11 }
	END
}

# comes_to SERVICE EXPECTED
comes_to()
{
	local state error warning
	state=$(status_of "$1" b1 health.state)
	error=$(status_of "$1" b1 health.error)
	warning=$(status_of "$1" b1 health.warning)
	echo "state $state, error '$error', warning '$warning'"
	case $2 in
	up) [ "$state" = up ] && [ -z "$error$warning" ] ;;
	up:*) [ "$state" = up ] && [[ $warning == "${2#up: }"* ]] ;;
	down:*) [ "$state" = down ] && [[ $error == "${2#down: }"* ]] ;;
	not:*) [ "$state" = unknown ] && [[ $error == "${2#not: }"* ]] ;;
	esac
}

row_check() { check "$1: $2" wait_for 60 comes_to "$1" "$2"; }

told_of_no_file()
{
	equal 1 "$(grep -c "warning: backend 'tls-no-file/b1': health not checked: CA file" "$NET_DIR/poised.log")"
}

# With the servers gone nothing is up, and what was not checked still is not.
none_up() { [ "$(status '[.services[].backends[].health.state] | any(. == "up")')" = false ]; }

tap_begin one 0
certificates_make
servers_start
{
	config_head
	each_row row_config
} >"$NET_CONFIG"
poised_start
each_row row_check
check "what is refused was logged with its reason" \
	grep -q "backend 'https-expired/b1'.*certificate has expired" "$NET_DIR/poised.log"
check "a warning was logged once" \
	equal 1 "$(grep -c "backend 'tls-ends-soon/b1'.*certificate ends in" "$NET_DIR/poised.log")"
check "what cannot be checked is logged once, with the reason" wait_for 60 told_of_no_file
check "no secret was logged" refused 1 grep -rqE 'secret|requirepass' "$NET_DIR/poised.log"
host_kill b1
check "the servers are gone: no backend is up" wait_for 60 none_up
tap_end
