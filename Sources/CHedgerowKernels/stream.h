// The numbers of HedgerowCore's RandomStream: number i of a key is mix(key + (i + 1) GAMMA).
#pragma once
#include <stdint.h>
#include "dispatch.h"

#define GAMMA 0x9E3779B97F4A7C15ull

HR_INLINE uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

/// Uniform below a bound, from a number of 64 bits.
HR_INLINE uint64_t below(uint64_t random, uint64_t bound) {
  return (uint64_t)(((unsigned __int128)random * bound) >> 64);
}

/// The key of a counter's stream under a key, as RandomStream.derive gives it.
HR_INLINE uint64_t derived(uint64_t key, uint64_t counter) { return mix(key ^ mix(counter + GAMMA)); }

/// Where a node is looked for first in the samplers' table of nodes.
HR_INLINE uint64_t node_slot(uint32_t node, uint64_t mask) { return (node * GAMMA >> 32) & mask; }
