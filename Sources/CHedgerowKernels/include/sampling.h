// What a neighbor sampler does per hop: where rows lie, which entries to take, what they say, and
// which numbers the nodes get inside the batch. Each loop looks ahead with software prefetch.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "packed.h"

/// One node range of a compressed adjacency. Row r of the range has the entries
/// bases[r / 64] + deltas[r] ..< bases[(r + 1) / 64] + deltas[r + 1] of `neighbors`, which are words of
/// 4 bytes, or packed in fewer bits each, with 7 bytes behind them. When `rows` is not null, only the rows
/// listed there (rising) have entries and r counts along that list.
typedef struct {
  const uint64_t *bases;
  const uint32_t *deltas;
  const void *neighbors;
  const uint32_t *rows;
  uint64_t edge_count;
  uint32_t row_count;    // rows in the range
  uint32_t entry_count; // rows that have offsets; those beyond are empty
  uint32_t neighbor_bits; // 32 for words
} hr_range;

/// The entries of one row: `start` is an address inside the index, whose upper bits number the
/// range; entries are consecutive.
typedef struct {
  uint64_t start;
  uint32_t count;
} hr_extent;

enum { hr_position_bits = 44 };

/// Looks up `count` rows. A range holds 2^shift rows. Returns -1, or the place in `rows` of the
/// first row that is out of range or whose offsets are not rising inside the range's bounds.
ptrdiff_t hr_extents(const hr_range *ranges, size_t range_count, unsigned shift,
                     const uint32_t *rows, size_t count, hr_extent *extents);

/// Reads the neighbor at each address that `hr_extents` and a pick below its count gave. Returns
/// the largest neighbor seen (0 for none), for one check against the number of nodes.
uint32_t hr_read_neighbors(const hr_range *ranges, size_t range_count, const uint64_t *addresses,
                           size_t count, uint32_t *neighbors);

/// The same for stretches of entries that follow each other, one stretch after the other.
uint32_t hr_read_stretches(const hr_range *ranges, const hr_extent *stretches, size_t count,
                           uint32_t *neighbors);

/// One row whose entries changed: where they lie in the index, and what was added and removed.
typedef struct {
  uint64_t base;       // the address of the row's first entry in the index
  uint64_t added;      // the place of its first added entry in the patch's arrays
  uint64_t removed;    // the place of its first removed entry
  uint64_t merged;     // the place of its first entry among merged rows, or UINT64_MAX
  uint32_t base_count; // entries in the index
  uint32_t added_count;
  uint32_t removed_count;
} hr_patch_row;

/// Changes over an index. `slots` is an open-addressing table of mask + 1 words, row << 32 | the
/// row's place in `rows`, all ones when empty. Changed rows that are short lie merged in the
/// neighbors of a range of their own, `merged_range`, of the index. Entries of a longer one have the
/// addresses hr_patch_mark | place in `rows` << 32 | place in the merged row.
typedef struct {
  const uint64_t *slots;
  uint64_t mask;
  const hr_patch_row *rows;
  const uint32_t *added_places;    // in the merged row, rising
  const uint32_t *added_neighbors;
  const uint32_t *removed_places;  // in the index's row, less the removed entries before it, rising
  uint64_t merged_range;
  const uint64_t *filter;          // a bit for each changed row's hash, of filter_mask + 1 bits
  uint64_t filter_mask;
} hr_patch;

#define hr_patch_mark ((uint64_t)1 << 63)

/// The place of a row among the changed ones, or UINT32_MAX.
uint32_t hr_patch_find(const hr_patch *patch, uint32_t row);

/// As hr_extents, over an index of `range_count` ranges and its changes. Rows at or beyond those of the index, below
/// `row_count`, have no entries but added ones.
ptrdiff_t hr_patched_extents(const hr_range *ranges, size_t range_count, unsigned shift,
                             const hr_patch *patch, uint64_t base_row_count, uint64_t row_count,
                             const uint32_t *rows, size_t count, hr_extent *extents);

/// Where entries come from: an address in the index, or hr_patch_mark | place of an added entry.
void hr_patch_resolve(const hr_patch *patch, const uint64_t *addresses, size_t count,
                      uint64_t *origins);

/// As hr_read_neighbors, over an index and its changes; `ranges` has the merged rows' range, too.
uint32_t hr_read_patched(const hr_range *ranges, size_t range_count, const hr_patch *patch,
                         const uint64_t *addresses, size_t count, uint32_t *neighbors);

/// Chooses min(fanout, row's count) distinct entries of each row, uniformly (all when fanout is
/// negative), by Floyd's algorithm over the counter-based stream of (key, row), and of the tree where
/// `trees` is not null. Writes addresses,
/// and degrees[i] = how many row i got. `scratch` holds 4 * fanout words of 8 bytes. `addresses`
/// has room for all. Returns how many were written.
size_t hr_pick_uniform(const hr_extent *extents, const uint32_t *rows, const uint32_t *trees,
                       size_t count, int64_t fanout, uint64_t key, uint64_t *scratch,
                       uint64_t *addresses, uint32_t *degrees);

/// How many addresses hr_pick_uniform will write.
uint64_t hr_pick_count(const hr_extent *extents, size_t count, int64_t fanout);

/// The nodes for which that many slots are enough: a quarter stays empty, so that probes are short.
static inline uint64_t hr_node_capacity(uint64_t slot_count) { return slot_count / 4 * 3; }

/// An open-addressing table from node to its number in the batch; `slots` holds mask + 1 words of
/// key << 32 | number, all ones when empty.
///
/// Gives every node of `nodes` its number, in order of first appearance; new ones are appended at
/// `known[*known_count...]`. Stops early, when hr_node_capacity nodes are known, and returns how many were
/// done.
size_t hr_number_nodes(uint64_t *slots, uint64_t mask, const uint32_t *nodes, size_t count,
                       uint32_t *numbers, uint32_t *known, size_t *known_count);
