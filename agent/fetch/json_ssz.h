/* Light-client objects of the beacon API from JSON to SSZ (ethereum-light-client 1.1, 1.3, 2.1). */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/view.h"

enum json_ssz_object {
        JSON_SSZ_BOOTSTRAP,
        JSON_SSZ_UPDATE,
        JSON_SSZ_FINALITY,
        JSON_SSZ_OPTIMISTIC,
        JSON_SSZ_OBJECTS
};

/* Adds the object's SSZ to the buf. The fork is named as in the API: "electra". 0;
 * -EPROTONOSUPPORT: a fork whose shape is not known; -EBADMSG; -ENOBUFS. Committees have 512 or 32
 * keys. What servers leave out of an update that has no next committee or no finality is zero. */
_must_check_ int json_ssz_put(struct buf *b, enum json_ssz_object object, const char *fork,
                const json_t *data, struct view *ret);
