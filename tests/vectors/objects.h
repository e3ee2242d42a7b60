/* Objects of nodes (diode-protocol 8.1): who has signed a server's and a ticket's. */
#pragma once

#include "core/ticket.h"
#include "vec.h"

/* Reads the list of a ticket or ticketv2 object, server first, as getobject returns it. */
int object_ticket_parse(struct view rlp, struct ticket *ret);

/* The node whose key has signed a server object, of the long form or the short. */
int object_server_signer(struct vec *v, struct view rlp, struct address *ret);
