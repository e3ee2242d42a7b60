/* A text that somebody is asked to sign. What must hold: what is read is written back the same,
 * byte for byte, and what is written is read. */

#include "fuzz.h"

#include <string.h>

#include "wire/login.h"

static void write_what_it_says(const uint8_t *data, size_t size) {
        struct login_text t = { .expires_s = 0 }, back;
        char text[LOGIN_TEXT_MAX + 1];

        memcpy(&t, data, size < sizeof(t) ? size : sizeof(t));
        if (login_text_write(&t, text) < 0)
                return;
        MUST(login_text_parse(VIEW_TEXT(text), &back) == 0);
        MUST(strcmp(back.user, t.user) == 0 && strcmp(back.host, t.host) == 0);
        MUST(strcmp(back.service, t.service) == 0 && back.expires_s == t.expires_s);
        MUST(memcmp(back.nonce, t.nonce, sizeof(t.nonce)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[LOGIN_TEXT_MAX + 1];
        struct login_text t;

        write_what_it_says(data, size);
        if (login_text_parse(VIEW(data, size), &t) < 0)
                return 0;
        MUST(login_text_write(&t, text) == 0);
        MUST(view_eq_text(VIEW(data, size), text));
        MUST(user_name_valid(VIEW_TEXT(t.user)) && user_service_valid(VIEW_TEXT(t.service)));
        return 0;
}
