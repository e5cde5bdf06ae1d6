#include "selection.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "dispatch.h"
#include "stream.h"

// A sample must be the same bits on every processor: no fused products.
#pragma clang fp contract(off)

void hr_row_keys(uint64_t key, const uint32_t *rows, const uint32_t *trees, size_t count,
                 uint64_t *keys) {
  for (size_t i = 0; i < count; i++) {
    keys[i] = derived(key, rows[i]);
    if (trees) keys[i] = derived(keys[i], trees[i]);
  }
}

HR_CLONES
void hr_hash_places(const uint64_t *keys, const hr_extent *extents, const uint32_t *rows,
                    const uint64_t *addresses, size_t count, uint64_t *hashes) {
  for (size_t i = 0; i < count; i++) {
    uint64_t place = addresses[i] - extents[rows[i]].start;
    hashes[i] = mix(keys[rows[i]] + (place + 1) * GAMMA);
  }
}

/// As `below`, for bounds below 2^32: what vectors can do.
HR_INLINE uint64_t below_small(uint64_t random, uint64_t bound) {
  return ((random >> 32) * bound + (((random & UINT32_MAX) * bound) >> 32)) >> 32;
}

HR_INLINE void hash_nodes(const uint64_t keys[2], uint64_t step, uint64_t period,
                          const uint32_t *nodes, size_t count, uint64_t *hashes) {
  const uint64_t now = keys[0], next = keys[1];
  if (step == 0) {
    for (size_t i = 0; i < count; i++) hashes[i] = mix(now ^ mix((uint64_t)nodes[i] + GAMMA));
    return;
  }
  for (size_t i = 0; i < count; i++) {
    uint64_t node = mix((uint64_t)nodes[i] + GAMMA);
    // The same in every period, so that each number lasts as long as a period.
    uint64_t turn = below_small(mix(node + GAMMA), period);
    hashes[i] = mix((turn < step ? next : now) ^ node);
  }
}

HR_CLONES
void hr_hash_nodes(const uint64_t keys[2], uint64_t step, uint64_t period, const uint32_t *nodes,
                   size_t count, uint64_t *hashes) {
  hash_nodes(keys, step, period, nodes, count, hashes);
}

/// -log(u) for u in (0, 1), to a few units in the last place.
HR_INLINE double exponential(uint64_t hash) {
  double u = ((double)(hash >> 12) + 0.5) * 0x1p-52;
  uint64_t bits;
  memcpy(&bits, &u, sizeof bits);
  // u = 2^e m with m in [sqrt(1/2), sqrt(2)), and log(m) = 2 atanh(s), s = (m - 1) / (m + 1).
  int64_t e = (int64_t)(bits - 0x3FE6A09E667F3BCDull) >> 52;
  uint64_t mantissa = bits - ((uint64_t)e << 52);
  double m;
  memcpy(&m, &mantissa, sizeof m);
  double s = (m - 1) / (m + 1), z = s * s, p = 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  double log_m = 2 * s + 2 * s * z * p;
  return -((double)e * 0.6931471805599453 + log_m);
}

HR_CLONES
void hr_weighted_ranks(const double *weights, size_t count, uint64_t *ranks) {
  for (size_t i = 0; i < count; i++) {
    double key = exponential(ranks[i]) / weights[i];
    uint64_t bits;
    // Of a positive number the bits are in its order.
    memcpy(&bits, &key, sizeof bits);
    ranks[i] = weights[i] > 0 ? bits : hr_never;
  }
}

void hr_recent_ranks(const int64_t *times, size_t count, uint64_t *ranks) {
  for (size_t i = 0; i < count; i++) {
    uint64_t rank = ~((uint64_t)times[i] ^ (1ull << 63));
    ranks[i] = rank == hr_never ? hr_never - 1 : rank;
  }
}

/// Whether a candidate gives way to another one.
static inline int is_worse(hr_candidate a, hr_candidate b) {
  return a.rank > b.rank || (a.rank == b.rank && a.address < b.address);
}

static void sift_down(hr_candidate *heap, size_t count, size_t at) {
  hr_candidate moved = heap[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && is_worse(heap[child + 1], heap[child])) child++;
    if (!is_worse(heap[child], moved)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

HR_INLINE size_t offer(hr_candidate *heap, size_t kept, size_t limit, hr_candidate candidate) {
  if (kept < limit) {
    heap[kept++] = candidate;
    if (kept == limit)
      for (size_t at = limit / 2; at-- > 0;) sift_down(heap, limit, at);
  } else if (is_worse(heap[0], candidate)) {
    heap[0] = candidate;
    sift_down(heap, limit, 0);
  }
  return kept;
}

size_t hr_keep_least(hr_candidate *heap, size_t kept, size_t limit, const uint64_t *ranks,
                     const uint64_t *addresses, size_t count) {
  if (limit == 0) return 0;
  for (size_t i = 0; i < count; i++)
    if (ranks[i] != hr_never)
      kept = offer(heap, kept, limit, (hr_candidate){ranks[i], addresses[i]});
  return kept;
}

enum { block = 256, group = 8 };

/// Offers the entries whose ranks are at most `most`, but those that `isOffered` says were before: at
/// most `guess`.
HR_INLINE size_t offer_least(hr_candidate *heap, size_t kept, size_t limit, const uint64_t *ranks,
                             size_t count, uint64_t first, uint64_t most, bool isOffered,
                             uint64_t guess) {
  uint32_t places[block];
  size_t found = 0, i = 0;
  for (; i + group <= count; i += group) {
    uint64_t any = 0;
    for (size_t j = 0; j < group; j++) any |= ranks[i + j] <= most;
    if (!any) continue;
    for (size_t j = 0; j < group; j++) {
      places[found] = (uint32_t)(i + j);
      found += ranks[i + j] <= most;
    }
  }
  for (; i < count; i++)
    if (ranks[i] <= most) places[found++] = (uint32_t)i;
  for (size_t j = 0; j < found; j++) {
    uint64_t rank = ranks[places[j]];
    if (isOffered && rank <= guess) continue;
    kept = offer(heap, kept, limit, (hr_candidate){rank, first + places[j]});
  }
  return kept;
}

/// A bound below which there are seldom fewer than `wanted` of so many uniform numbers.
static uint64_t guessed_bound(size_t wanted, size_t count) {
  double share = ((double)wanted + 2.5 * sqrt((double)wanted) + 2) / (double)count;
  return share < 0.7 ? (uint64_t)(share * 0x1p64) : UINT64_MAX;
}

HR_CLONES
size_t hr_keep_least_nodes(hr_candidate *heap, size_t kept, size_t limit, const uint64_t keys[2],
                           uint64_t step, uint64_t period, const uint32_t *nodes, uint64_t first,
                           size_t count) {
  if (limit == 0) return 0;
  uint64_t ranks[block];
  uint64_t guess = kept < limit ? guessed_bound(limit - kept, count) : UINT64_MAX;
  // Once more, with those beyond the guess, where it was too low.
  for (int pass = 0; pass < 2; pass++) {
    for (size_t start = 0; start < count; start += block) {
      size_t size = count - start < block ? count - start : block;
      hash_nodes(keys, step, period, nodes + start, size, ranks);
      uint64_t bound = pass ? UINT64_MAX : guess;
      uint64_t most = kept < limit || heap[0].rank > bound ? bound : heap[0].rank;
      kept = offer_least(heap, kept, limit, ranks, size, first + start, most, pass, guess);
    }
    if (guess == UINT64_MAX || (kept == limit && heap[0].rank <= guess)) break;
  }
  return kept;
}

static int by_address(const void *a, const void *b) {
  uint64_t x = ((const hr_candidate *)a)->address, y = ((const hr_candidate *)b)->address;
  return (x > y) - (x < y);
}

void hr_sorted_addresses(hr_candidate *heap, size_t count, uint64_t *addresses) {
  if (count <= 32) {
    for (size_t i = 0; i < count; i++) {
      uint64_t address = heap[i].address;
      size_t at = i;
      for (; at > 0 && addresses[at - 1] > address; at--) addresses[at] = addresses[at - 1];
      addresses[at] = address;
    }
    return;
  }
  qsort(heap, count, sizeof *heap, by_address);
  for (size_t i = 0; i < count; i++) addresses[i] = heap[i].address;
}

static inline double unit(uint64_t hash) { return (double)(hash >> 11) * 0x1p-53; }

void hr_draw_again(uint64_t key, uint64_t chunk, const double *weights, const uint64_t *addresses,
                   size_t count, size_t fanout, double *sums, double *total, uint64_t *drawn) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sums[i] = sum += weights ? weights[i] : 1;
  if (!(sum > 0)) return;
  double all = *total + sum;
  uint64_t state = mix(key ^ mix(chunk + GAMMA));
  for (size_t j = 0; j < fanout; j++) {
    uint64_t first = mix(state + (2 * j + 1) * GAMMA), second = mix(state + (2 * j + 2) * GAMMA);
    if (*total > 0 && unit(first) * all >= sum) continue;
    double wanted = unit(second) * sum;
    // The first entry whose sum is beyond the wanted one: never one of weight 0.
    size_t low = 0, high = count - 1;
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      if (sums[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    // Rounding may have led behind the last entry that weighs anything.
    while (low > 0 && weights && !(weights[low] > 0)) low--;
    drawn[j] = addresses[low];
  }
  *total = all;
}

size_t hr_pick_again(const hr_extent *extents, const uint64_t *keys, size_t count, size_t fanout,
                     uint64_t *addresses, uint32_t *degrees) {
  uint64_t *out = addresses;
  for (size_t i = 0; i < count; i++) {
    degrees[i] = extents[i].count ? (uint32_t)fanout : 0;
    for (size_t j = 0; j < degrees[i]; j++)
      *out++ = extents[i].start + below(mix(keys[i] + (j + 1) * GAMMA), extents[i].count);
  }
  return (size_t)(out - addresses);
}

enum { ahead_slots = 16 };

static inline uint64_t pair_of(uint32_t node, uint32_t tree) { return (uint64_t)tree << 32 | node; }

size_t hr_number_pairs(hr_pair_slot *slots, uint64_t mask, const uint32_t *nodes,
                       const uint32_t *trees, size_t count, uint32_t *numbers, uint32_t *known,
                       uint32_t *known_trees, size_t *known_count) {
  size_t used = *known_count, i = 0;
  const size_t most = (size_t)hr_node_capacity(mask + 1);
  for (; i < count && used < most; i++) {
    if (i + ahead_slots < count)
      __builtin_prefetch(
          slots + (mix(pair_of(nodes[i + ahead_slots], trees[i + ahead_slots])) & mask), 1);
    uint64_t pair = pair_of(nodes[i], trees[i]), at = mix(pair) & mask;
    while (slots[at].number != UINT64_MAX && slots[at].pair != pair) at = (at + 1) & mask;
    if (slots[at].number == UINT64_MAX) {
      slots[at] = (hr_pair_slot){pair, used};
      known[used] = nodes[i];
      known_trees[used] = trees[i];
      numbers[i] = (uint32_t)used++;
    } else {
      numbers[i] = (uint32_t)slots[at].number;
    }
  }
  *known_count = used;
  return i;
}

void hr_find_nodes(const uint64_t *slots, uint64_t mask, const uint32_t *nodes, size_t count,
                   uint32_t *numbers) {
  for (size_t i = 0; i < count; i++) {
    if (i + ahead_slots < count)
      __builtin_prefetch(slots + node_slot(nodes[i + ahead_slots], mask));
    uint64_t at = node_slot(nodes[i], mask);
    while (slots[at] != UINT64_MAX && (uint32_t)(slots[at] >> 32) != nodes[i]) at = (at + 1) & mask;
    numbers[i] = slots[at] == UINT64_MAX ? UINT32_MAX : (uint32_t)slots[at];
  }
}

void hr_find_pairs(const hr_pair_slot *slots, uint64_t mask, const uint32_t *nodes,
                   const uint32_t *trees, size_t count, uint32_t *numbers) {
  for (size_t i = 0; i < count; i++) {
    uint64_t pair = pair_of(nodes[i], trees[i]), at = mix(pair) & mask;
    while (slots[at].number != UINT64_MAX && slots[at].pair != pair) at = (at + 1) & mask;
    numbers[i] = slots[at].number == UINT64_MAX ? UINT32_MAX : (uint32_t)slots[at].number;
  }
}
