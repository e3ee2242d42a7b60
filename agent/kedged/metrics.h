/* Figures for a monitoring system, as a file that node_exporter's textfile collector reads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/news.h"

#define METRICS_EVERY_MS 15000 /* and whenever a chain's state changes */

struct metrics {
        bool due, failing;
        uint64_t written_ms; /* 0: not yet */
        uint64_t revoked, evidence;
};

struct agent;

/* For news_listen(); userdata is the struct metrics. */
void metrics_on_news(void *userdata, const struct news *news);

/* Writes the file where it is wanted and due. What fails is logged once, until it works again. */
void metrics_write(struct agent *a, uint64_t now);

/* Takes the file away: old figures say nothing. */
void metrics_withdraw(const char *path);
