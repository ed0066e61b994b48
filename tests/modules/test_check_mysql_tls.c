/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mysql check within TLS: certificates, and handshakes that are slow, cut, or none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certificates.h"
#include "check_fixture.h"

#define WWW "www.example.org"
/* With the capability of TLS (0x0800), and without. */
#define GREETING(capabilities)                                                                     \
	"\x4c\0\0\0\x0a"                                                                           \
	"10.11.19\0"                                                                               \
	"\1\0\0\0"                                                                                 \
	"abcdefgh\0" capabilities "\x21\2\0\xff\x81\x15"                                           \
	"\0\0\0\0\0\0\0\0\0\0"                                                                     \
	"abcdefghijkl\0"                                                                           \
	"mysql_native_password\0"

enum {
	REQUEST_BYTES = 36, /* what asks for TLS */
	AT_CAPABILITIES = 4,
	WITH_TLS = 0x08, /* in their second byte */
	SOME_BYTES = 100,
	PIECE_BYTES = 32,
	TIMEOUT_MS = 300,
};

static const char login_ok[] = "\7\0\0\3\0\0\0\2\0\0\0";

enum manner {
	ANSWERS,
	SLOWLY, /* in small pieces */
	WITHOUT_TLS,
	TALKS_PLAIN,	/* where the handshake begins */
	ENDS_BEFORE,	/* the handshake */
	RESETS_BEFORE,	/* likewise */
	SILENT_BEFORE,	/* likewise */
	CUTS_HANDSHAKE, /* after some bytes of it */
	STOPS_HANDSHAKE,
	ENDS_AFTER, /* the login came */
	SILENT_AFTER,
};

static const struct mysql_tls_case {
	const char *name;
	enum manner manner;
	const char *common_name; /* of the certificate; NULL: as asked for */
	bool unknown_issuer;
	const char *error; /* NULL: it passes */
} cases[] = {
	{ .name = "a login" },
	{ .name = "a login in small pieces", .manner = SLOWLY },
	{ .name = "a certificate of another name",
	  .common_name = "db.example.org",
	  .error = "certificate names db.example.org, not " WWW },
	{ .name = "a certificate of an unknown issuer",
	  .unknown_issuer = true,
	  .error = "certificate of an unknown issuer" },
	{ .name = "a server without TLS",
	  .manner = WITHOUT_TLS,
	  .error = "MySQL server does not speak TLS" },
	{ .name = "a plain answer", .manner = TALKS_PLAIN, .error = "answer is not TLS" },
	{ .name = "an end before the handshake",
	  .manner = ENDS_BEFORE,
	  .error = "connection closed in the TLS handshake" },
	{ .name = "a reset before the handshake",
	  .manner = RESETS_BEFORE,
	  .error = "connection reset" },
	{ .name = "silence before the handshake",
	  .manner = SILENT_BEFORE,
	  .error = "timed out after 300 ms in the TLS handshake" },
	{ .name = "an end within the handshake",
	  .manner = CUTS_HANDSHAKE,
	  .error = "connection closed in the TLS handshake" },
	{ .name = "silence within the handshake",
	  .manner = STOPS_HANDSHAKE,
	  .error = "timed out after 300 ms in the TLS handshake" },
	{ .name = "an end after the login",
	  .manner = ENDS_AFTER,
	  .error = "connection closed in the middle of the answer" },
	{ .name = "silence after the login",
	  .manner = SILENT_AFTER,
	  .error = "timed out after 300 ms in the middle of the answer" },
};

static char ca_path[] = "/tmp/poise-test-XXXXXX";
static struct certificate ca, other_ca;

/* Serves one connection after the other. */
struct mysql_server {
	const struct mysql_tls_case *c;
	struct evconnlistener *listener;
	uint16_t port;
	SSL_CTX *context;
	struct bufferevent *stream; /* NULL: none now */
	struct event *timer;
	SSL *ssl; /* NULL: before TLS */
	BIO *in, *out;
	struct evbuffer *pending; /* of small pieces */
	bool answered;
};

static void peer_end(struct mysql_server *server)
{
	event_del(server->timer);
	evbuffer_drain(server->pending, evbuffer_get_length(server->pending));
	SSL_free(server->ssl); /* with both BIOs */
	server->ssl = NULL;
	server->answered = false;
	if (server->stream)
		bufferevent_free(server->stream);
	server->stream = NULL;
}

static void send_piece(evutil_socket_t fd, short what, void *context)
{
	struct mysql_server *server = context;
	uint8_t piece[PIECE_BYTES];
	int length = evbuffer_remove(server->pending, piece, sizeof(piece));

	(void)fd;
	(void)what;
	bufferevent_write(server->stream, piece, length);
	if (evbuffer_get_length(server->pending))
		event_add(server->timer, &(struct timeval){ .tv_usec = 1000 });
}

/* What TLS has to say goes out, as the case has it. */
static void flush_tls(struct mysql_server *server)
{
	char *data;
	long length = BIO_get_mem_data(server->out, &data);
	enum manner manner = server->c->manner;

	if (manner == CUTS_HANDSHAKE || manner == STOPS_HANDSHAKE)
		length = length < SOME_BYTES ? length : SOME_BYTES;
	if (manner == SLOWLY)
		evbuffer_add(server->pending, data, length);
	else if (length)
		bufferevent_write(server->stream, data, length);
	(void)BIO_reset(server->out);
	if (manner == SLOWLY && length && !evtimer_pending(server->timer, NULL))
		send_piece(-1, 0, server);
}

static void finish_writing(struct mysql_server *server)
{
	bufferevent_flush(server->stream, EV_WRITE, BEV_FINISHED);
	evbuffer_write(bufferevent_get_output(server->stream), bufferevent_getfd(server->stream));
	shutdown(bufferevent_getfd(server->stream), SHUT_WR);
}

static void answer_login(struct mysql_server *server)
{
	char login[256];

	if (server->answered || SSL_read(server->ssl, login, sizeof(login)) <= 0)
		return;
	assert_int_equal(login[3], 2); /* the request for TLS was number 1 */
	server->answered = true;
	if (server->c->manner == ENDS_AFTER)
		finish_writing(server);
	else if (server->c->manner != SILENT_AFTER)
		SSL_write(server->ssl, login_ok, sizeof(login_ok) - 1);
}

static void talk_tls(struct mysql_server *server)
{
	struct evbuffer *input = bufferevent_get_input(server->stream);
	uint8_t data[4096];
	int length;

	while ((length = evbuffer_remove(input, data, sizeof(data))) > 0)
		BIO_write(server->in, data, length);
	if (SSL_accept(server->ssl) == 1)
		answer_login(server);
	flush_tls(server);
	if (server->c->manner == CUTS_HANDSHAKE)
		finish_writing(server);
}

static void begin_tls(struct mysql_server *server)
{
	server->ssl = SSL_new(server->context);
	server->in = BIO_new(BIO_s_mem());
	server->out = BIO_new(BIO_s_mem());
	SSL_set_bio(server->ssl, server->in, server->out);
	talk_tls(server);
}

static void reset(struct mysql_server *server)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(bufferevent_getfd(server->stream), SOL_SOCKET, SO_LINGER, &linger,
		   sizeof(linger));
	peer_end(server);
}

/* What asks for TLS is whole, and asks for it; nothing of a login is in it. */
static void tls_asked(struct mysql_server *server)
{
	uint8_t request[REQUEST_BYTES];

	evbuffer_remove(bufferevent_get_input(server->stream), request, sizeof(request));
	assert_true(request[AT_CAPABILITIES + 1] & WITH_TLS);
	assert_null(memmem(request, sizeof(request), "check", 5));
	switch (server->c->manner) {
	case TALKS_PLAIN:
		bufferevent_write(server->stream, "\7\0\0\2\0\0\0\2\0\0\0", 11);
		break;
	case ENDS_BEFORE:
		finish_writing(server);
		break;
	case RESETS_BEFORE:
		reset(server);
		break;
	case SILENT_BEFORE:
		break;
	default:
		begin_tls(server);
	}
}

static void heard(struct bufferevent *stream, void *context)
{
	struct mysql_server *server = context;

	if (server->ssl)
		talk_tls(server);
	else if (evbuffer_get_length(bufferevent_get_input(stream)) >= REQUEST_BYTES)
		tls_asked(server);
}

static void ended(struct bufferevent *stream, short what, void *context)
{
	(void)stream;
	(void)what;
	peer_end(context);
}

static void came_in(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		    int length, void *context)
{
	static const char with[] = GREETING("\xff\xff"), without[] = GREETING("\xff\xf7");
	struct mysql_server *server = context;

	(void)listener;
	(void)peer;
	(void)length;
	peer_end(server);
	server->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(server->stream, heard, NULL, ended, server);
	bufferevent_enable(server->stream, EV_READ | EV_WRITE);
	bufferevent_write(server->stream, server->c->manner == WITHOUT_TLS ? without : with,
			  sizeof(with) - 1);
}

static void mysql_begin(struct mysql_server *server, const struct mysql_tls_case *c)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	socklen_t length = sizeof(local);

	*server = (struct mysql_server){ .c = c };
	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = evconnlistener_new_bind(base, came_in, server, LEV_OPT_CLOSE_ON_FREE, 8,
						   (struct sockaddr *)&local, sizeof(local));
	assert_non_null(server->listener);
	getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&local, &length);
	server->port = ntohs(local.sin_port);
	server->timer = evtimer_new(base, send_piece, server);
	server->pending = evbuffer_new();
}

static void mysql_end(struct mysql_server *server)
{
	peer_end(server);
	evconnlistener_free(server->listener);
	event_free(server->timer);
	evbuffer_free(server->pending);
}

static void test_case(void **state)
{
	const struct mysql_tls_case *c = *state;
	struct certificate_wish wish = { c->common_name ? c->common_name : WWW,
					 .issuer = c->unknown_issuer ? &other_ca : &ca };
	struct certificate certificate = certificate_new(&wish);
	struct mysql_server server;
	struct config_check check;
	struct watch watch = { 0 };

	mysql_begin(&server, c);
	server.context = certificate_server(&certificate);
	check = check_of(CHECK_MYSQL, server.port);
	check.user = (char *)"check";
	check.tls = (struct config_check_tls){ .on = true,
					       .server_name = (char *)WWW,
					       .ca_file = ca_path };
	check.interval_ms = 60000;
	check.timeout_ms = c->error && strstr(c->error, "timed out") ? TIMEOUT_MS : LIMIT_MS;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, 2 * LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, c->error ? c->error : "");
	assert_int_equal(health_get(watch.health)->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	health_free(watch.health);
	mysql_end(&server);
	SSL_CTX_free(server.context);
	certificate_free(&certificate);
}

static int make_authorities(void **state)
{
	struct certificate_wish wish = { .common_name = "Poise test CA" };
	struct certificate_wish other = { .common_name = "Another CA" };

	close(mkstemp(ca_path));
	ca = certificate_new(&wish);
	other_ca = certificate_new(&other);
	certificate_write(&ca, ca_path);
	return setup(state);
}

static int remove_authorities(void **state)
{
	certificate_free(&ca);
	certificate_free(&other_ca);
	unlink(ca_path);
	return teardown(state);
}

int main(void)
{
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL,
						(void *)&cases[i] };
	return cmocka_run_group_tests_name("check_mysql_tls", tests, make_authorities,
					   remove_authorities);
}
