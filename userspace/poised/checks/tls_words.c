/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Errors of TLS in words. Of what the peer sent, dates and the alert's number are told, and the
 * name of the certificate when it is the wrong one, cut and of the characters of host names only.
 */
#include "tls_words.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "address.h"
#include "check.h"

enum { NAME_BYTES = 65 };

static int64_t unix_time(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t tls_words_ends_in(const X509 *certificate)
{
	return unix_time(X509_get0_notAfter(certificate)) - (int64_t)time(NULL);
}

void tls_words_date(int64_t time, char out[TLS_DATE_BYTES])
{
	time_t seconds = (time_t)time;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(out, TLS_DATE_BYTES, "%Y-%m-%d", &tm))
		snprintf(out, TLS_DATE_BYTES, "?");
}

static void copy_name(const unsigned char *name, size_t length, char out[NAME_BYTES])
{
	size_t used = 0;

	for (; used < length && used < NAME_BYTES - 1; used++)
		out[used] = (name[used] >= 'a' && name[used] <= 'z') ||
					    (name[used] >= 'A' && name[used] <= 'Z') ||
					    (name[used] >= '-' && name[used] <= '9') ||
					    name[used] == '*' || name[used] == '_'
				    ? (char)name[used]
				    : '?';
	out[used] = '\0';
}

static void copy_address(const ASN1_OCTET_STRING *bytes, char out[NAME_BYTES])
{
	struct address address = { .family = bytes->length == 4 ? 4 : 6 };
	char text[ADDRESS_TEXT_BYTES] = "?";

	if (bytes->length == 4 || bytes->length == 16) {
		memcpy(address.bytes, bytes->data, (size_t)bytes->length);
		address_format(&address, text);
	}
	snprintf(out, NAME_BYTES, "%s", text);
}

/* The first of the names that count (RFC 6125), else the common name. */
static void name_of(const X509 *certificate, char out[NAME_BYTES])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *name =
		sk_GENERAL_NAME_num(names) > 0 ? sk_GENERAL_NAME_value(names, 0) : NULL;
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *text = NULL;

	if (name && name->type == GEN_DNS)
		text = name->d.dNSName;
	else if (!name && at >= 0)
		text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	if (text)
		copy_name(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text), out);
	else if (name && name->type == GEN_IPADD)
		copy_address(name->d.iPAddress, out);
	else
		snprintf(out, NAME_BYTES, "no host");
	GENERAL_NAMES_free(names);
}

static void describe_time(const char *format, const ASN1_TIME *time, char out[HEALTH_ERROR_BYTES])
{
	char date[TLS_DATE_BYTES];

	tls_words_date(unix_time(time), date);
	snprintf(out, HEALTH_ERROR_BYTES, format, date);
}

void tls_words_certificate(int error, const X509 *certificate, const char *name,
			   char out[HEALTH_ERROR_BYTES])
{
	char found[NAME_BYTES];

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		describe_time(CHECK_TEXT_TLS_EXPIRED, X509_get0_notAfter(certificate), out);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		describe_time(CHECK_TEXT_TLS_EARLY, X509_get0_notBefore(certificate), out);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		name_of(certificate, found);
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_NAME, found, name ? name : "?");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_ISSUER);
		break;
	default:
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_CERTIFICATE,
			 X509_verify_cert_error_string(error));
	}
}

static bool is_foreign(int reason)
{
	return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_WRONG_SSL_VERSION ||
	       reason == SSL_R_HTTP_REQUEST || reason == SSL_R_UNEXPECTED_MESSAGE ||
	       reason == SSL_R_BAD_RECORD_TYPE || reason == SSL_R_PACKET_LENGTH_TOO_LONG;
}

static bool is_old(int reason)
{
	return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW ||
	       reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION ||
	       reason == SSL_R_NO_PROTOCOLS_AVAILABLE;
}

void tls_words_error(unsigned long error, char out[HEALTH_ERROR_BYTES])
{
	int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
	const char *words = ERR_reason_error_string(error);

	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_CLOSED);
	else if (is_old(reason))
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_VERSION);
	else if (is_foreign(reason))
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_NOT_TLS);
	else if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX)
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS_ALERT,
			 SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	else
		snprintf(out, HEALTH_ERROR_BYTES, CHECK_TEXT_TLS, words ? words : "unknown error");
}
