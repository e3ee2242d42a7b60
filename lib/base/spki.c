/* Certificate ::= SEQUENCE { TBSCertificate, AlgorithmIdentifier, BIT STRING }
 * TBSCertificate ::= SEQUENCE { [0] version OPTIONAL, serial, signature, issuer, validity, subject,
 *                               SubjectPublicKeyInfo, ... }          RFC 5280, section 4.1
 *
 * Strict where it decides which bytes are the key: lengths in their one DER spelling, tags of one
 * byte, and each structure within the one around it. */

#include "base/spki.h"

#include <errno.h>

enum {
        DER_INTEGER = 0x02,
        DER_BIT_STRING = 0x03,
        DER_UTC_TIME = 0x17,
        DER_GENERALIZED_TIME = 0x18,
        DER_SEQUENCE = 0x30,
        DER_CONTEXT_0 = 0xa0,
};

/* Takes a length; X.690 section 10.1: the shortest form. Three bytes say more than
 * SPKI_CERTIFICATE_MAX. */
static bool der_take_length(struct view *in, size_t *ret) {
        uint64_t n;

        if (!view_take_be(in, 1, &n))
                return false;
        if (n == 0x81) {
                if (!view_take_be(in, 1, &n) || n < 0x80)
                        return false;
        } else if (n == 0x82) {
                if (!view_take_be(in, 2, &n) || n < 0x100)
                        return false;
        } else if (n == 0x83) {
                if (!view_take_be(in, 3, &n) || n < 0x10000)
                        return false;
        } else if (n >= 0x80)
                return false;

        *ret = (size_t) n;
        return true;
}

/* One element with the tag; *ret_body is what is in it, *ret_whole (or NULL) all of it. */
static bool der_take(struct view *in, uint8_t tag, struct view *ret_body, struct view *ret_whole) {
        struct view at = *in, body;
        uint64_t got;
        size_t n;

        if (!view_take_be(&at, 1, &got) || got != tag)
                return false;
        if (!der_take_length(&at, &n) || !view_take(&at, n, &body))
                return false;

        if (ret_whole)
                *ret_whole = VIEW(in->p, in->n - at.n);
        *ret_body = body;
        *in = at;
        return true;
}

static bool der_take_time(struct view *in, struct view *ret_whole) {
        struct view body;

        return der_take(in, DER_UTC_TIME, &body, ret_whole) ||
                der_take(in, DER_GENERALIZED_TIME, &body, ret_whole);
}

static bool take_validity(struct view *in, struct spki_parts *parts) {
        struct view validity;

        return der_take(in, DER_SEQUENCE, &validity, NULL) &&
                der_take_time(&validity, &parts->not_before) &&
                der_take_time(&validity, &parts->not_after) && validity.n == 0;
}

/* The key's own shape: an algorithm and a string of whole bytes, and nothing after them. */
static bool spki_is_sound(struct view body) {
        struct view part;

        return der_take(&body, DER_SEQUENCE, &part, NULL) &&
                der_take(&body, DER_BIT_STRING, &part, NULL) &&
                part.n > 1 && part.p[0] == 0 && body.n == 0;
}

int spki_find(struct view certificate, struct spki_parts *ret) {
        struct view in = certificate, all, tbs, part;
        struct spki_parts parts = { 0 };

        if (in.n > SPKI_CERTIFICATE_MAX)
                return -E2BIG;
        if (!der_take(&in, DER_SEQUENCE, &all, NULL) || in.n != 0)
                return -EBADMSG;
        if (!der_take(&all, DER_SEQUENCE, &tbs, NULL) ||
                        !der_take(&all, DER_SEQUENCE, &part, NULL) ||
                        !der_take(&all, DER_BIT_STRING, &part, NULL) || all.n != 0)
                return -EBADMSG;

        (void) der_take(&tbs, DER_CONTEXT_0, &part, NULL); /* a certificate of version 1 has none */
        if (!der_take(&tbs, DER_INTEGER, &part, NULL) ||   /* serial */
                !der_take(&tbs, DER_SEQUENCE, &part, NULL) || /* signature algorithm */
                !der_take(&tbs, DER_SEQUENCE, &part, NULL) || /* issuer */
                !take_validity(&tbs, &parts) ||
                !der_take(&tbs, DER_SEQUENCE, &part, NULL) || /* subject */
                !der_take(&tbs, DER_SEQUENCE, &part, &parts.spki) || !spki_is_sound(part))
                return -EBADMSG;

        *ret = parts;
        return 0;
}

int spki_secp256k1(struct view spki, uint8_t ret_xy[64]) {
        /* SEQUENCE { SEQUENCE { OID ecPublicKey, OID secp256k1 }, BIT STRING { 04 X Y } } */
        static const uint8_t head[] = {
                0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, /* */
                0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04,
        };
        struct view part;

        if (!view_take(&spki, sizeof(head), &part) || !view_eq(part, VIEW(head, sizeof(head))))
                return -EBADMSG;
        if (spki.n != 64)
                return -EBADMSG;

        memcpy(ret_xy, spki.p, 64);
        return 0;
}

/* n decimal digits. */
static bool take_number(struct view *in, size_t n, unsigned *ret) {
        struct view digits;
        unsigned x = 0;

        if (!view_take(in, n, &digits))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (digits.p[i] < '0' || digits.p[i] > '9')
                        return false;
                x = x * 10 + (digits.p[i] - '0');
        }
        *ret = x;
        return true;
}

/* Days since 1970-01-01 in the Gregorian calendar, for years from 0 on. */
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day) {
        int64_t y = (int64_t) year - (month <= 2);
        int64_t shifted = (month + 9) % 12; /* March is 0, so that the leap day comes last */
        int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t year_of_era = y - era * 400;

        return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
               day_of_year - 719468;
}

static unsigned days_in_month(unsigned year, unsigned month) {
        static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

int spki_time(struct view time, int64_t *ret_s) {
        unsigned year, month, day, hour, minute, second;
        struct view in;

        if (der_take(&time, DER_UTC_TIME, &in, NULL)) {
                if (!take_number(&in, 2, &year))
                        return -EBADMSG;
                year += year >= 50 ? 1900 : 2000;
        } else if (!der_take(&time, DER_GENERALIZED_TIME, &in, NULL) || !take_number(&in, 4, &year))
                return -EBADMSG;

        if (time.n != 0 || !take_number(&in, 2, &month) || !take_number(&in, 2, &day) ||
                !take_number(&in, 2, &hour) || !take_number(&in, 2, &minute) ||
                !take_number(&in, 2, &second) || !view_eq_text(in, "Z"))
                return -EBADMSG;
        if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
                minute > 59 || second > 59)
                return -EBADMSG;

        *ret_s = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
        return 0;
}
