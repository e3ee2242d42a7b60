/* What every unit test needs: one suite, one main, inputs in blocks of their exact size. */
#pragma once

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/view.h"

#define BYTES(...) { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }

/* A copy in a heap block of its exact size, so that ASan sees one byte too far. */
static inline struct view heap_copy(struct view v) {
        uint8_t *p = malloc(v.n > 0 ? v.n : 1);

        ck_assert_ptr_nonnull(p);
        if (v.n > 0)
                memcpy(p, v.p, v.n);
        return VIEW(p, v.n);
}

static inline void heap_drop(struct view v) {
        free((void *) v.p);
}

static inline int unit_run(Suite *suite) {
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
