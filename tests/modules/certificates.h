/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Certificates that a test makes: authorities, and servers' certificates of any name and time. For
 * one test program to include; cmocka.h comes first.
 */
#ifndef POISE_CERTIFICATES_H
#define POISE_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

enum {
	CERTIFICATE_DAY_SECONDS = 24 * 3600,
	CERTIFICATE_SLACK_SECONDS = 60, /* by which it is longer than wished for */
	CERTIFICATE_VERSION_3 = 2,
};

struct certificate {
	EVP_PKEY *key;
	X509 *x509;
};

struct certificate_wish {
	const char *common_name;
	const char *names;		  /* "DNS:a,IP:b"; NULL: none */
	int from_days, to_days;		  /* from now; to_days 0: 365 */
	const struct certificate *issuer; /* NULL: itself, an authority */
};

/* In seconds from now. */

static long certificate_begins_in(const struct certificate_wish *wish)
{
	return (long)wish->from_days * CERTIFICATE_DAY_SECONDS - CERTIFICATE_SLACK_SECONDS;
}

static long certificate_ends_in(const struct certificate_wish *wish)
{
	long days = wish->to_days ? wish->to_days : 365;

	return days * CERTIFICATE_DAY_SECONDS + CERTIFICATE_SLACK_SECONDS;
}

static void certificate_add(struct certificate *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	X509_add_ext(certificate->x509, extension, -1);
	X509_EXTENSION_free(extension);
}

static struct certificate certificate_new(const struct certificate_wish *wish)
{
	static long serial = 1;
	struct certificate out = { EVP_EC_gen("P-256"), X509_new() };
	const struct certificate *issuer = wish->issuer ? wish->issuer : &out;
	X509_NAME *name = X509_get_subject_name(out.x509);

	X509_set_version(out.x509, CERTIFICATE_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(out.x509), serial++);
	X509_gmtime_adj(X509_getm_notBefore(out.x509), certificate_begins_in(wish));
	X509_gmtime_adj(X509_getm_notAfter(out.x509), certificate_ends_in(wish));
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)wish->common_name,
				   -1, -1, 0);
	X509_set_issuer_name(out.x509, X509_get_subject_name(issuer->x509));
	X509_set_pubkey(out.x509, out.key);
	if (!wish->issuer)
		certificate_add(&out, NID_basic_constraints, "critical,CA:TRUE");
	if (wish->names)
		certificate_add(&out, NID_subject_alt_name, wish->names);
	assert_true(X509_sign(out.x509, issuer->key, EVP_sha256()) > 0);
	return out;
}

static void certificate_free(struct certificate *certificate)
{
	EVP_PKEY_free(certificate->key);
	X509_free(certificate->x509);
}

/* The file that a check believes. */
static void certificate_write(const struct certificate *certificate, const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate->x509), 1);
	assert_int_equal(fclose(file), 0);
}

static SSL_CTX *certificate_server(const struct certificate *certificate)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	assert_non_null(context);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate->x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, certificate->key), 1);
	return context;
}

#endif
