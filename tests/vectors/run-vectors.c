/* run-vectors FILE...: runs vector files of the forms below.
 *
 * The form of a file is told from its content, never from its name. One line a case, a closing
 * count; the exit code is 0 only if every file was of a known form and every case held. */

#include "vec.h"

#include <stdlib.h>
#include <string.h>

/* The first that says yes has it: the narrower ones stand first. */
static const struct form *const forms[] = {
        &form_negative,
        &form_wire,
        &form_attacks,
        &form_blockquick,
        &form_tickets,
        &form_genesis,
        &form_header_fields,
        &form_headers,
        &form_merkle_proofs,
        &form_merkle_trees,
        &form_storage,
        &form_state,
        &form_etf,
        &form_addresses,
        &form_lc_stretch,
        &form_lc_scenario,
        &form_lc_signed,
        &form_lc_devnet,
        &form_lc_negative,
        &form_lc_gloas,
        &form_lc_heads,
        &form_lc_ranking,
        &form_ssz_roots,
        &form_networks,
        &form_bls_constants,
        &form_bls_eth,
        &form_bls_eip2537,
        &form_bls_hash,
        &form_exec_block,
        &form_exec_header,
        &form_exec_chain,
        &form_exec_answers,
        &form_devnet_exec,
        &form_rlp,
        &form_trie,
        &form_transactions,
};

static const struct form *form_of(json_t *root) {
        for (size_t i = 0; i < ELEMENTSOF(forms); i++)
                if ((forms[i]->is_free || vec_items(root)) && forms[i]->detect(root))
                        return forms[i];
        return NULL;
}

bool vec_load(struct vec *v, const char *path, bool companion) {
        struct vec_file *files;
        json_error_t error;
        json_t *root = json_load_file(path, JSON_ALLOW_NUL, &error);

        if (!root) {
                if (!companion)
                        printf("FAIL %s: line %d: %s\n", path, error.line, error.text);
                return false;
        }
        files = realloc(v->files, (v->n_files + 1) * sizeof(*files));
        if (!files) {
                fputs("out of memory\n", stderr);
                exit(2);
        }
        v->files = files;
        files[v->n_files++] = (struct vec_file){
                .path = strdup(path), .root = root, .form = form_of(root), .companion = companion,
        };
        return true;
}

static void run_file(struct vec *v, size_t i) {
        /* A form may load companions: files[] moves. */
        json_t *root = v->files[i].root;
        const struct form *form = v->files[i].form;
        unsigned before = v->passed + v->failed;

        v->path = v->files[i].path;
        if (!form) {
                printf("FAIL %s: unknown form\n", v->path);
                v->failed++;
                return;
        }
        v->form = form;
        form->run(v, root);
        for (size_t k = 0; form->is_free && k < ELEMENTSOF(forms); k++)
                if (forms[k] != form && forms[k]->is_free && forms[k]->detect(root)) {
                        v->form = forms[k]; /* another part of the same file */
                        forms[k]->run(v, root);
                }
        if (v->passed + v->failed == before) {
                printf("FAIL %s: no case in it\n", v->path);
                v->failed++;
        }
}

int main(int argc, char **argv) {
        struct vec v = { 0 };
        unsigned passed, failed;
        size_t named;

        if (argc < 2) {
                fputs("usage: run-vectors FILE...\n", stderr);
                return 2;
        }
        for (int i = 1; i < argc; i++)
                if (!vec_load(&v, argv[i], false))
                        v.failed++;
        named = v.n_files;
        for (size_t i = 0; i < named; i++)
                run_file(&v, i);
        passed = v.passed;
        failed = v.failed;
        vec_done(&v);
        printf("%u passed, %u failed\n", passed, failed);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
