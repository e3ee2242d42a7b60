/* The verify callback, for kedge_wolfssl_harden(). */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"

struct WOLFSSL_X509_STORE_CTX;

int verify_on_certificate(int preverify, struct WOLFSSL_X509_STORE_CTX *store);
