/* A configuration as it would be with one drop-in more, or another: kedged judges it in a folder of
 * its own, so that nothing counts before it was judged, whatever ends us meanwhile. */
#pragma once

#include "base/cleanup.h"

#define STAGE_WHY_MAX 400

/* Whether kedged would start with config if the file path, a drop-in of it, held text; NULL: if there
 * were no such file. Also where there is no kedged to ask, or no config yet. 0; -EBADMSG, with its
 * reason; other -errno. */
_must_check_ int stage_judge(const char *config, const char *path, const char *text,
                char ret_why[STAGE_WHY_MAX]);

/* What judge is asked, and the file made if it has no objection: a reader finds the old one or the
 * new one, whole, and so does whoever comes after a power cut. text NULL: the file is removed. */
_must_check_ int stage_put(const char *config, const char *path, const char *text,
                char ret_why[STAGE_WHY_MAX]);
