/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Contexts that checks share, and the sessions of single connections: see tls.h. */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "address.h"
#include "check.h"
#include "tls_words.h"

enum { DAY_SECONDS = 24 * 3600 };

/* Of one CA file, or of the system's certificates, or of none. */
struct tls_context {
	struct tls_context *next;
	unsigned users;
	bool insecure;
	char *ca_file;	  /* NULL: the system's */
	SSL_CTX *ssl;	  /* NULL: not made so far, or the file is bad */
	struct stat made; /* the file, when the context was made of it */
};

struct tls_contexts {
	struct tls_context *first;
};

struct tls_client {
	struct tls_contexts *contexts;
	struct tls_context *context;
	char *server_name;
	uint16_t min_days;
};

struct tls_session {
	SSL *ssl;
	bool stands;
};

/* Where the note is in OpenSSL's structures; the process has one of each. */
static int session_index = -1, context_index = -1;

int tls_contexts_new(struct tls_contexts **out)
{
	if (session_index < 0)
		session_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (context_index < 0)
		context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	*out = session_index < 0 || context_index < 0 ? NULL : calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void tls_contexts_free(struct tls_contexts *contexts)
{
	free(contexts);
}

static void context_free(struct tls_context *context)
{
	SSL_CTX_free(context->ssl);
	free(context->ca_file);
	free(context);
}

static struct tls_note *note_of(SSL *ssl)
{
	struct tls_note *note = SSL_get_ex_data(ssl, session_index);

	return note ? note : SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index);
}

/* For each certificate of the chain, and once more for each thing that is wrong. */
static int verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	struct tls_note *note = note_of(ssl);
	int64_t ends_in;

	if (!note || !certificate)
		return ok;
	if (!ok) {
		if (!note->error[0])
			tls_words_certificate(X509_STORE_CTX_get_error(store), certificate,
					      note->client->server_name, note->error);
		return ok;
	}
	ends_in = tls_words_ends_in(certificate);
	if (ends_in < note->ends_in)
		note->ends_in = ends_in;
	return ok;
}

static void set_verify(const struct tls_context *context, SSL_CTX *ssl)
{
	SSL_CTX_set_verify(ssl, context->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
			   context->insecure ? NULL : verify);
}

static bool load_certificates(const struct tls_context *context, SSL_CTX *ssl)
{
	if (context->insecure)
		return true;
	if (context->ca_file)
		return SSL_CTX_load_verify_file(ssl, context->ca_file) == 1;
	return SSL_CTX_set_default_verify_paths(ssl) == 1;
}

static SSL_CTX *make_ssl(const struct tls_context *context)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());

	ERR_clear_error();
	if (!ssl || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
	    !load_certificates(context, ssl)) {
		SSL_CTX_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	set_verify(context, ssl);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ssl;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The context as its file is now. NULL with the note filled. */
static SSL_CTX *context_ssl(struct tls_context *context, struct tls_note *note)
{
	const char *why = "no certificate in it";
	struct stat now = { 0 };

	if (context->ca_file && stat(context->ca_file, &now))
		why = strerror(errno);
	else if (context->ssl && same_file(&now, &context->made))
		return context->ssl;
	SSL_CTX_free(context->ssl); /* sessions under way have references of their own */
	context->ssl = make_ssl(context);
	context->made = now;
	if (context->ssl)
		return context->ssl;
	note->not_run = true;
	snprintf(note->error, sizeof(note->error), CHECK_TEXT_CA_FILE,
		 context->ca_file ? context->ca_file : "of the system", why);
	return NULL;
}

static bool context_suits(const struct tls_context *context, const struct config_check_tls *config)
{
	if (context->insecure != config->insecure || !context->ca_file != !config->ca_file)
		return false;
	return !context->ca_file || strcmp(context->ca_file, config->ca_file) == 0;
}

static struct tls_context *context_get(struct tls_contexts *contexts,
				       const struct config_check_tls *config)
{
	struct tls_context *context = contexts->first;

	while (context && !context_suits(context, config))
		context = context->next;
	if (!context) {
		context = calloc(1, sizeof(*context));
		if (!context)
			return NULL;
		context->insecure = config->insecure;
		context->ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
		if (config->ca_file && !context->ca_file) {
			free(context);
			return NULL;
		}
		context->next = contexts->first;
		contexts->first = context;
	}
	context->users++;
	return context;
}

static void context_put(struct tls_contexts *contexts, struct tls_context *context)
{
	struct tls_context **link = &contexts->first;

	if (--context->users)
		return;
	while (*link != context)
		link = &(*link)->next;
	*link = context->next;
	context_free(context);
}

struct tls_client *tls_client_new(struct tls_contexts *contexts,
				  const struct config_check_tls *config)
{
	struct tls_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->contexts = contexts;
	client->min_days = config->insecure ? 0 : config->min_days;
	client->server_name = config->server_name ? strdup(config->server_name) : NULL;
	client->context = context_get(contexts, config);
	if (client->context && !config->server_name == !client->server_name)
		return client;
	tls_client_free(client);
	return NULL;
}

void tls_client_free(struct tls_client *client)
{
	if (!client)
		return;
	if (client->context)
		context_put(client->contexts, client->context);
	free(client->server_name);
	free(client);
}

static void note_begin(struct tls_note *note, const struct tls_client *client)
{
	*note = (struct tls_note){ .client = client, .ends_in = INT64_MAX };
}

/* The name that the certificate must have; SNI only for a host name (RFC 6066, 3). */
static bool set_name(const struct tls_client *client, X509_VERIFY_PARAM *parameters, SSL *ssl)
{
	const char *name = client->server_name;
	struct address address;

	if (!name)
		return true;
	if (address_parse(name, &address) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 &&
	       (!ssl || SSL_set_tlsext_host_name(ssl, name) == 1);
}

struct tls_session *tls_session_new(struct tls_client *client, int fd, struct tls_note *note)
{
	struct tls_session *session;
	SSL_CTX *context;

	note_begin(note, client);
	context = context_ssl(client->context, note);
	if (!context)
		return NULL;
	session = calloc(1, sizeof(*session));
	if (session)
		session->ssl = SSL_new(context);
	if (session && session->ssl && SSL_set_ex_data(session->ssl, session_index, note) == 1 &&
	    set_name(client, SSL_get0_param(session->ssl), session->ssl) &&
	    SSL_set_fd(session->ssl, fd) == 1)
		return session;
	tls_session_free(session);
	note->not_run = true;
	snprintf(note->error, sizeof(note->error), CHECK_TEXT_NOT_RUN, strerror(ENOMEM));
	return NULL;
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	ERR_clear_error();
	if (session->stands)
		SSL_shutdown(session->ssl); /* its goodbye is not waited for */
	ERR_clear_error();
	SSL_free(session->ssl);
	free(session);
}

/* What a call that returned result means; the queue was empty before it. */
static enum tls_result result_of(struct tls_session *session, int result)
{
	struct tls_note *note = note_of(session->ssl);
	int system_error = errno;

	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	case SSL_ERROR_SYSCALL:
		session->stands = false;
		errno = system_error;
		return ERR_peek_error() || !system_error ? TLS_CLOSED : TLS_SYSTEM;
	default:
		session->stands = false;
		if (!note->error[0])
			tls_words_error(ERR_peek_error(), note->error);
		return TLS_FAILED;
	}
}

static void begin_call(void)
{
	ERR_clear_error();
	errno = 0;
}

enum tls_result tls_handshake(struct tls_session *session)
{
	enum tls_result result;

	begin_call();
	result = result_of(session, SSL_connect(session->ssl));
	session->stands = result == TLS_DONE;
	return result;
}

enum tls_result tls_read(struct tls_session *session, void *data, size_t length, size_t *count)
{
	begin_call();
	return result_of(session, SSL_read_ex(session->ssl, data, length, count));
}

enum tls_result tls_write(struct tls_session *session, const void *data, size_t length,
			  size_t *count)
{
	begin_call();
	return result_of(session, SSL_write_ex(session->ssl, data, length, count));
}

/* The store is shared, which costs libcurl no reading of files. */
int tls_client_apply(struct tls_client *client, SSL_CTX *context, struct tls_note *note)
{
	SSL_CTX *own;

	note_begin(note, client);
	own = context_ssl(client->context, note);
	if (!own)
		return -EINVAL;
	SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(own));
	set_verify(client->context, context);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	if (SSL_CTX_set_ex_data(context, context_index, note) == 1 &&
	    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	    set_name(client, SSL_CTX_get0_param(context), NULL))
		return 0;
	note->not_run = true;
	snprintf(note->error, sizeof(note->error), CHECK_TEXT_NOT_RUN, strerror(ENOMEM));
	return -EINVAL;
}

bool tls_ends_soon(const struct tls_note *note, char text[HEALTH_ERROR_BYTES])
{
	int64_t days = note->ends_in / DAY_SECONDS;
	char date[TLS_DATE_BYTES];

	if (note->ends_in == INT64_MAX || days >= note->client->min_days)
		return false;
	tls_words_date((int64_t)time(NULL) + note->ends_in, date);
	snprintf(text, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_ENDS, (int)days, date);
	return true;
}
