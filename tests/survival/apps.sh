# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The real servers of the survival matrix, on the backends of the service 'apps': nginx with HTTP/2 over
# TCP (port 2080), sshd (2222) and MariaDB (3306). Sourced after net.sh. Their clients: sessions.py.

APPS_BYTES=240000 # of a page, which takes 6 s at the rate that is asked for

apps_make()
{
	mkdir -p "$NET_DIR/www" "$NET_DIR/ssh" /run/sshd
	head -c $APPS_BYTES /dev/urandom >"$NET_DIR/www/page"
	ssh-keygen -q -t ed25519 -N '' -f "$NET_DIR/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$NET_DIR/ssh/user"
	mysql_install_db --no-defaults --datadir="$NET_DIR/db" --user=root --skip-test-db \
		--auth-root-authentication-method=normal >"$NET_DIR/db.log" 2>&1
}

# apps_start I: returns before they answer.
apps_start()
{
	nginx_start "$1"
	sshd_start "$1"
	database_start "$1"
}

nginx_start()
{
	local dir=$NET_DIR/b$1.nginx
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		user root;
		daemon off;
		master_process off;
		pid $dir/pid;
		events { worker_connections 4096; }
		http {
			$(nginx_temp "$dir")
			access_log off;
			server {
				listen 2080 http2 backlog=4096;
				add_header X-Backend $1;
				location / { root $NET_DIR/www; limit_rate 40000; }
			}
		}
	END
	on_start "b$1" nginx nginx -c "$dir/nginx.conf" -e stderr
}

# HOME: whatever the user's own shell does at a login is no part of it.
sshd_start()
{
	cat >"$NET_DIR/ssh/config$1" <<-END
		Port 2222
		HostKey $NET_DIR/ssh/host
		AuthorizedKeysFile $NET_DIR/ssh/user.pub
		PidFile none
		UsePAM no
		StrictModes no
		UseDNS no
		PermitRootLogin prohibit-password
		MaxStartups 500
		LoginGraceTime 300
		SetEnv BACKEND=$1 HOME=$NET_DIR/ssh
	END
	on_start "b$1" sshd /usr/sbin/sshd -D -e -f "$NET_DIR/ssh/config$1"
}

database_start()
{
	[ -d "$NET_DIR/db$1" ] || cp -r "$NET_DIR/db" "$NET_DIR/db$1"
	cat >"$NET_DIR/db$1.init" <<-END
		CREATE DATABASE IF NOT EXISTS survival;
		CREATE TABLE IF NOT EXISTS survival.counts (id BIGINT PRIMARY KEY, n INT) ENGINE=InnoDB;
		CREATE USER IF NOT EXISTS survival@'%';
		GRANT ALL ON survival.* TO survival@'%';
	END
	on_start "b$1" mariadb mariadbd --no-defaults --user=root --datadir="$NET_DIR/db$1" \
		--socket="$NET_DIR/db$1.sock" --pid-file="$NET_DIR/db$1.pid" --bind-address=0.0.0.0 \
		--port=3306 --server-id="$1" --max-connections=500 --skip-name-resolve \
		--connect-timeout=120 --net-read-timeout=120 --net-write-timeout=120 --innodb-flush-log-at-trx-commit=2 --init-file="$NET_DIR/db$1.init"
}

# apps_answer I
apps_answer()
{
	on "b$1" bash -c 'for port in 2080 2222 3306; do : <>/dev/tcp/127.0.0.1/$port || exit; done' &&
		[ "$(mysql --no-defaults -u root -S "$NET_DIR/db$1.sock" -N \
			-e 'SELECT COUNT(*) >= 0 FROM survival.counts')" = 1 ]
}
