// How a neighbor sampler chooses among entries that it has looked at one by one: because each has a
// weight or a time, or because sources are shared by rows. Random numbers are hashes of what they
// belong to, so a choice depends neither on blocks nor on threads.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "sampling.h"

/// The key of each row's random stream. `trees` may be null; else it counts, too.
void hr_row_keys(uint64_t key, const uint32_t *rows, const uint32_t *trees, size_t count,
                 uint64_t *keys);

/// A uniform number for each entry, from its row's key and its place in the row. `rows` says to
/// which of the extents and keys each belongs.
void hr_hash_places(const uint64_t *keys, const hr_extent *extents, const uint32_t *rows,
                    const uint64_t *addresses, size_t count, uint64_t *hashes);

/// A uniform number for each node that stays the same for `period` batches, as LABOR draws them for
/// sources. `keys[0]` is of the period at hand and `keys[1]` of the next one; each node changes over
/// at a step of its own among the period's `period` steps, below 2^32, of which `step` are past.
void hr_hash_nodes(const uint64_t keys[2], uint64_t step, uint64_t period, const uint32_t *nodes,
                   size_t count, uint64_t *hashes);

#define hr_never UINT64_MAX

/// Turns uniform numbers into ranks, of which the least are kept: an exponential variate of rate
/// `weights[i]` (Efraimidis and Spirakis, Information Processing Letters 2006), or hr_never where the
/// weight is 0. The bits are the same on every processor.
void hr_weighted_ranks(const double *weights, size_t count, uint64_t *ranks);

/// Ranks by which the latest are kept.
void hr_recent_ranks(const int64_t *times, size_t count, uint64_t *ranks);

typedef struct {
  uint64_t rank;
  uint64_t address;
} hr_candidate;

/// Keeps the `limit` candidates of least rank (of equal ones the last addresses) among `kept` of them
/// and new entries. `heap` has room for `limit`. Returns how many are kept.
size_t hr_keep_least(hr_candidate *heap, size_t kept, size_t limit, const uint64_t *ranks,
                     const uint64_t *addresses, size_t count);

/// The same with entries that follow each other from the address `first` on, and the ranks that
/// hr_hash_nodes gives their neighbors, in one pass.
size_t hr_keep_least_nodes(hr_candidate *heap, size_t kept, size_t limit, const uint64_t keys[2],
                           uint64_t step, uint64_t period, const uint32_t *nodes, uint64_t first,
                           size_t count);

/// Writes the candidates' addresses, rising.
void hr_sorted_addresses(hr_candidate *heap, size_t count, uint64_t *addresses);

/// Draws with replacement from a row that comes in chunks: each of `fanout` draws is replaced by one
/// of this chunk with the chunk's share of the weight so far (as in Chao, Biometrika 1982, for samples
/// of one). `weights` is null where all are 1; `sums` has room for `count`. Adds to `*total`.
void hr_draw_again(uint64_t key, uint64_t chunk, const double *weights, const uint64_t *addresses,
                   size_t count, size_t fanout, double *sums, double *total, uint64_t *drawn);

/// Chooses `fanout` entries of each row that has any, uniformly and with replacement.
size_t hr_pick_again(const hr_extent *extents, const uint64_t *keys, size_t count, size_t fanout,
                     uint64_t *addresses, uint32_t *degrees);

/// As hr_number_nodes, for nodes of trees: a node has a number of its own in each tree.
typedef struct {
  uint64_t pair;    // tree << 32 | node
  uint64_t number;  // UINT64_MAX when empty
} hr_pair_slot;
size_t hr_number_pairs(hr_pair_slot *slots, uint64_t mask, const uint32_t *nodes,
                       const uint32_t *trees, size_t count, uint32_t *numbers, uint32_t *known,
                       uint32_t *known_trees, size_t *known_count);

/// The numbers that nodes have in tables of hr_number_nodes and hr_number_pairs, UINT32_MAX for those
/// that are not there. `numbers` may be `nodes`.
void hr_find_nodes(const uint64_t *slots, uint64_t mask, const uint32_t *nodes, size_t count,
                   uint32_t *numbers);
void hr_find_pairs(const hr_pair_slot *slots, uint64_t mask, const uint32_t *nodes,
                   const uint32_t *trees, size_t count, uint32_t *numbers);
