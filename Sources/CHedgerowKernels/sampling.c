#include "sampling.h"
#include <string.h>
#include "stream.h"

enum { ahead_offsets = 16, ahead_entries = 32, ahead_slots = 16 };

/// The place of a row in a range's list of non-empty rows, or entry_count.
static uint32_t find_row(const hr_range *range, uint32_t row) {
  uint32_t low = 0, high = range->entry_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (range->rows[middle] < row) low = middle + 1;
    else high = middle;
  }
  return low < range->entry_count && range->rows[low] == row ? low : range->entry_count;
}

/// Touches what the extent of a row will read.
static inline void look_ahead(const hr_range *ranges, size_t range_count, unsigned shift,
                              uint64_t row) {
  if (row >> shift >= range_count) return;
  const hr_range *range = &ranges[row >> shift];
  uint64_t place = row & (((uint64_t)1 << shift) - 1);
  if (place >= range->entry_count || range->rows) return;
  __builtin_prefetch(range->deltas + place);
  __builtin_prefetch(range->bases + (place >> 6));
}

/// False when the row is out of range or its offsets make no sense.
static inline bool find_extent(const hr_range *ranges, size_t range_count, unsigned shift,
                               uint32_t wanted, hr_extent *extent) {
  uint64_t number = (uint64_t)wanted >> shift;
  uint32_t row = (uint32_t)(wanted & (((uint64_t)1 << shift) - 1));
  if (number >= range_count || row >= ranges[number].row_count) return false;
  const hr_range *range = &ranges[number];
  if (range->rows) row = find_row(range, row);
  if (row >= range->entry_count) {
    *extent = (hr_extent){number << hr_position_bits, 0};
    return true;
  }
  uint64_t start = range->bases[row >> 6] + range->deltas[row];
  uint64_t end = range->bases[(row + 1) >> 6] + range->deltas[row + 1];
  if (start > end || end > range->edge_count || end - start > UINT32_MAX) return false;
  *extent = (hr_extent){number << hr_position_bits | start, (uint32_t)(end - start)};
  return true;
}

ptrdiff_t hr_extents(const hr_range *ranges, size_t range_count, unsigned shift,
                     const uint32_t *rows, size_t count, hr_extent *extents) {
  for (size_t i = 0; i < count; i++) {
    if (i + ahead_offsets < count)
      look_ahead(ranges, range_count, shift, rows[i + ahead_offsets]);
    if (!find_extent(ranges, range_count, shift, rows[i], &extents[i])) return (ptrdiff_t)i;
  }
  return -1;
}

static inline uint64_t first_slot(const hr_patch *patch, uint32_t row) {
  return ((uint64_t)row * GAMMA >> 20) & patch->mask;
}

/// False for most rows that did not change, from a few bits for each that did.
static inline bool may_have_changed(const hr_patch *patch, uint32_t row) {
  uint64_t bit = ((uint64_t)row * GAMMA >> 20) & patch->filter_mask;
  return patch->filter[bit >> 6] >> (bit & 63) & 1;
}

uint32_t hr_patch_find(const hr_patch *patch, uint32_t row) {
  if (!may_have_changed(patch, row)) return UINT32_MAX;
  for (uint64_t at = first_slot(patch, row);; at = (at + 1) & patch->mask) {
    uint64_t slot = patch->slots[at];
    if (slot == UINT64_MAX) return UINT32_MAX;
    if (slot >> 32 == row) return (uint32_t)slot;
  }
}

ptrdiff_t hr_patched_extents(const hr_range *ranges, size_t range_count, unsigned shift,
                             const hr_patch *patch, uint64_t base_row_count, uint64_t row_count,
                             const uint32_t *rows, size_t count, hr_extent *extents) {
  for (size_t i = 0; i < count; i++) {
    if (i + 2 * ahead_offsets < count && may_have_changed(patch, rows[i + 2 * ahead_offsets]))
      __builtin_prefetch(patch->slots + first_slot(patch, rows[i + 2 * ahead_offsets]));
    if (i + ahead_offsets < count) {
      // The slot is there by now: either the row's changes or its offsets are needed next.
      uint32_t row = rows[i + ahead_offsets];
      uint64_t slot = may_have_changed(patch, row) ? patch->slots[first_slot(patch, row)] : 0;
      if (slot >> 32 == row) __builtin_prefetch(patch->rows + (uint32_t)slot);
      else look_ahead(ranges, range_count, shift, row);
    }
    if (rows[i] >= row_count) return (ptrdiff_t)i;
    uint32_t place = hr_patch_find(patch, rows[i]);
    if (place != UINT32_MAX) {
      const hr_patch_row *row = &patch->rows[place];
      extents[i] = (hr_extent){row->merged != UINT64_MAX
                                   ? patch->merged_range << hr_position_bits | row->merged
                                   : hr_patch_mark | (uint64_t)place << 32,
                               row->base_count + row->added_count - row->removed_count};
    } else if (rows[i] >= base_row_count) {
      extents[i] = (hr_extent){0, 0};
    } else if (!find_extent(ranges, range_count, shift, rows[i], &extents[i])) {
      return (ptrdiff_t)i;
    }
  }
  return -1;
}

/// How many of `count` rising values are below the bound, or, when `orEqual`, at most it.
static inline uint32_t count_below(const uint32_t *values, uint32_t count, uint32_t bound,
                                   bool orEqual) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (values[middle] < bound || (orEqual && values[middle] == bound)) low = middle + 1;
    else high = middle;
  }
  return low;
}

static inline uint64_t resolve(const hr_patch *patch, uint64_t address) {
  if (!(address & hr_patch_mark)) return address;
  const hr_patch_row *row = &patch->rows[(address & ~hr_patch_mark) >> 32];
  uint32_t place = (uint32_t)address;
  const uint32_t *added = patch->added_places + row->added;
  uint32_t before = count_below(added, row->added_count, place, false);
  if (before < row->added_count && added[before] == place)
    return hr_patch_mark | (row->added + before);
  place -= before;
  place += count_below(patch->removed_places + row->removed, row->removed_count, place, true);
  return row->base + place;
}

void hr_patch_resolve(const hr_patch *patch, const uint64_t *addresses, size_t count,
                      uint64_t *origins) {
  for (size_t i = 0; i < count; i++) origins[i] = resolve(patch, addresses[i]);
}

static inline uint32_t neighbor_at(const hr_range *range, uint64_t place) {
  return range->neighbor_bits == 32 ? ((const uint32_t *)range->neighbors)[place]
                                    : hr_unpack(range->neighbors, range->neighbor_bits, place);
}

static inline void prefetch_neighbor(const hr_range *range, uint64_t place) {
  __builtin_prefetch((const uint8_t *)range->neighbors + (place * range->neighbor_bits >> 3));
}

uint32_t hr_read_neighbors(const hr_range *ranges, size_t range_count, const uint64_t *addresses,
                           size_t count, uint32_t *neighbors) {
  (void)range_count;
  const uint64_t low = ((uint64_t)1 << hr_position_bits) - 1;
  uint32_t largest = 0;
  if (range_count == 1) {
    const hr_range range = ranges[0];
    for (size_t i = 0; i < count; i++) {
      if (i + ahead_entries < count) prefetch_neighbor(&range, addresses[i + ahead_entries]);
      uint32_t n = neighbor_at(&range, addresses[i]);
      neighbors[i] = n;
      if (n > largest) largest = n;
    }
    return largest;
  }
  for (size_t i = 0; i < count; i++) {
    if (i + ahead_entries < count) {
      uint64_t next = addresses[i + ahead_entries];
      prefetch_neighbor(&ranges[next >> hr_position_bits], next & low);
    }
    uint64_t at = addresses[i];
    uint32_t n = neighbor_at(&ranges[at >> hr_position_bits], at & low);
    neighbors[i] = n;
    if (n > largest) largest = n;
  }
  return largest;
}

HR_CLONES
uint32_t hr_read_stretches(const hr_range *ranges, const hr_extent *stretches, size_t count,
                           uint32_t *neighbors) {
  const uint64_t low = ((uint64_t)1 << hr_position_bits) - 1;
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t start = stretches[i].start;
    const hr_range *range = &ranges[start >> hr_position_bits];
    if (range->neighbor_bits == 32) {
      const uint32_t *from = (const uint32_t *)range->neighbors + (start & low);
      for (uint32_t entry = 0; entry < stretches[i].count; entry++) {
        neighbors[entry] = from[entry];
        largest = from[entry] > largest ? from[entry] : largest;
      }
    } else {
      const void *from = range->neighbors;
      const uint32_t bits = range->neighbor_bits;
      for (uint32_t entry = 0; entry < stretches[i].count; entry++) {
        uint32_t n = hr_unpack(from, bits, (start & low) + entry);
        neighbors[entry] = n;
        largest = n > largest ? n : largest;
      }
    }
    neighbors += stretches[i].count;
  }
  return largest;
}

uint32_t hr_read_patched(const hr_range *ranges, size_t range_count, const hr_patch *patch,
                         const uint64_t *addresses, size_t count, uint32_t *neighbors) {
  (void)range_count;
  enum { block = 256 };
  const uint64_t low = ((uint64_t)1 << hr_position_bits) - 1;
  uint64_t origins[block];
  uint32_t largest = 0;
  for (size_t start = 0; start < count; start += block) {
    size_t size = count - start < block ? count - start : block;
    const uint64_t *from = addresses + start;
    uint64_t marks = 0;
    for (size_t i = 0; i < size; i++) marks |= from[i];
    if (marks & hr_patch_mark) {
      // Picks of one row stand together, so few blocks have entries of long changed rows.
      for (size_t i = 0; i < size; i++) {
        if (i + ahead_offsets < size && from[i + ahead_offsets] & hr_patch_mark)
          __builtin_prefetch(patch->rows + ((from[i + ahead_offsets] & ~hr_patch_mark) >> 32));
        uint64_t at = origins[i] = resolve(patch, from[i]);
        if (at & hr_patch_mark) __builtin_prefetch(patch->added_neighbors + (at & ~hr_patch_mark));
        else prefetch_neighbor(&ranges[at >> hr_position_bits], at & low);
      }
      for (size_t i = 0; i < size; i++) {
        uint64_t at = origins[i];
        uint32_t n = at & hr_patch_mark
                         ? patch->added_neighbors[at & ~hr_patch_mark]
                         : neighbor_at(&ranges[at >> hr_position_bits], at & low);
        neighbors[start + i] = n;
        if (n > largest) largest = n;
      }
      continue;
    }
    for (size_t i = 0; i < size; i++) {
      if (start + i + ahead_entries < count) {
        uint64_t next = from[i + ahead_entries];
        if (!(next & hr_patch_mark))
          prefetch_neighbor(&ranges[next >> hr_position_bits], next & low);
      }
      uint64_t at = from[i];
      uint32_t n = neighbor_at(&ranges[at >> hr_position_bits], at & low);
      neighbors[start + i] = n;
      if (n > largest) largest = n;
    }
  }
  return largest;
}

uint64_t hr_pick_count(const hr_extent *extents, size_t count, int64_t fanout) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t n = extents[i].count;
    sum += fanout < 0 || n < (uint64_t)fanout ? n : (uint64_t)fanout;
  }
  return sum;
}

/// Floyd's algorithm with a linear look through what was chosen: for small fanouts.
static inline void pick_few(uint64_t start, uint64_t degree, uint64_t fanout, uint64_t state,
                            uint64_t *out) {
  for (uint64_t j = 0; j < fanout; j++) {
    state += GAMMA;
    uint64_t top = degree - fanout + j;
    uint64_t pick = start + below(mix(state), top + 1);
    uint64_t seen = 0;
    for (uint64_t k = 0; k < j; k++) seen |= out[k] == pick;
    out[j] = seen ? start + top : pick;
  }
}

/// The same choices with a small hash set for what was chosen: for large fanouts.
static void pick_many(uint64_t start, uint64_t degree, uint64_t fanout, uint64_t state,
                      uint64_t *scratch, uint64_t *out) {
  uint64_t size = 1;
  while (size < 2 * fanout) size <<= 1;
  memset(scratch, 0xFF, size * sizeof *scratch);
  for (uint64_t j = 0; j < fanout; j++) {
    state += GAMMA;
    uint64_t top = degree - fanout + j;
    uint64_t pick = below(mix(state), top + 1);
    uint64_t slot = mix(pick) & (size - 1);
    while (scratch[slot] != UINT64_MAX && scratch[slot] != pick) slot = (slot + 1) & (size - 1);
    if (scratch[slot] == pick) {
      pick = top;
      slot = mix(pick) & (size - 1);
      while (scratch[slot] != UINT64_MAX) slot = (slot + 1) & (size - 1);
    }
    scratch[slot] = pick;
    out[j] = start + pick;
  }
}

size_t hr_pick_uniform(const hr_extent *extents, const uint32_t *rows,
                       const uint32_t *trees, size_t count, int64_t fanout, uint64_t key,
                       uint64_t *scratch, uint64_t *addresses, uint32_t *degrees) {
  uint64_t *out = addresses;
  for (size_t i = 0; i < count; i++) {
    uint64_t start = extents[i].start, degree = extents[i].count;
    if (fanout < 0 || degree <= (uint64_t)fanout) {
      for (uint64_t j = 0; j < degree; j++) out[j] = start + j;
      degrees[i] = (uint32_t)degree;
      out += degree;
      continue;
    }
    uint64_t state = derived(key, rows[i]);
    if (trees) state = derived(state, trees[i]);
    if (fanout <= 48) pick_few(start, degree, (uint64_t)fanout, state, out);
    else pick_many(start, degree, (uint64_t)fanout, state, scratch, out);
    degrees[i] = (uint32_t)fanout;
    out += fanout;
  }
  return (size_t)(out - addresses);
}

size_t hr_number_nodes(uint64_t *slots, uint64_t mask, const uint32_t *nodes, size_t count,
                       uint32_t *numbers, uint32_t *known, size_t *known_count) {
  size_t used = *known_count;
  const size_t most = (size_t)hr_node_capacity(mask + 1);
  size_t i = 0;
  for (; i < count && used < most; i++) {
    if (i + ahead_slots < count)
      __builtin_prefetch(slots + node_slot(nodes[i + ahead_slots], mask), 1);
    uint32_t node = nodes[i];
    uint64_t slot = node_slot(node, mask), entry;
    while ((entry = slots[slot]) != UINT64_MAX && (uint32_t)(entry >> 32) != node)
      slot = (slot + 1) & mask;
    if (entry == UINT64_MAX) {
      slots[slot] = (uint64_t)node << 32 | used;
      known[used] = node;
      numbers[i] = (uint32_t)used++;
    } else {
      numbers[i] = (uint32_t)entry;
    }
  }
  *known_count = used;
  return i;
}
